"""The leaderboard: submissions are predictions, and it scores them itself.

`pack` makes a submission of a run, `receive` takes one into a store, `verify` computes it again offline, `run_again`
compares it with another run of the same model. What readers see follows from one table (`load_table`) by pure
functions: `shown`, `encode` and `decode` of views, `to_csv`, and the drawings. Nothing here knows of a web page.
"""

from __future__ import annotations

from feab.leaderboard.audit import audit
from feab.leaderboard.choosing import View, choices, decode, encode, shown, to_csv
from feab.leaderboard.drawing import on_front, reference_lines, score_plot
from feab.leaderboard.hub import HubStore
from feab.leaderboard.local import LocalStore
from feab.leaderboard.packing import Packed, pack
from feab.leaderboard.receiving import Board, Verdict, receive, withdraw
from feab.leaderboard.records import Entry, EntryCard, Event, Rerun, Tier
from feab.leaderboard.rerunning import check_reruns, reruns_of, run_again
from feab.leaderboard.sets import LabelSet, Sets
from feab.leaderboard.store import Store, entries_of, events_of
from feab.leaderboard.table import load_table, rebuild
from feab.leaderboard.verifying import Verified, verify

__all__ = [
    "Board",
    "Entry",
    "EntryCard",
    "Event",
    "HubStore",
    "LabelSet",
    "LocalStore",
    "Packed",
    "Rerun",
    "Sets",
    "Store",
    "Tier",
    "Verdict",
    "Verified",
    "View",
    "audit",
    "check_reruns",
    "choices",
    "decode",
    "encode",
    "entries_of",
    "events_of",
    "load_table",
    "on_front",
    "pack",
    "rebuild",
    "receive",
    "reference_lines",
    "reruns_of",
    "run_again",
    "score_plot",
    "shown",
    "to_csv",
    "verify",
    "withdraw",
]
