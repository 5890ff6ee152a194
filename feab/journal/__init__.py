"""The journal of a run: one keyed line per answer, appended as it arrives, repaired on opening, locked, resumable."""

from __future__ import annotations

from feab.journal.asking import Asked, Parse, Progress, ask, storable
from feab.journal.journal import Journal, Repair
from feab.journal.lines import read_predictions
from feab.journal.lock import FileLock

__all__ = ["Asked", "FileLock", "Journal", "Parse", "Progress", "Repair", "ask", "read_predictions", "storable"]
