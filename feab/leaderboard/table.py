"""The table of a leaderboard: one row for each score of each submission, made anew whenever one is accepted."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feab.errors import FeabError
from feab.leaderboard.draws import OVERALL, Draws
from feab.leaderboard.opened import taken_out
from feab.leaderboard.records import MANIFEST, Entry, EntryTask, Event
from feab.leaderboard.reported import REPORTED, read_reported
from feab.leaderboard.sets import Sets
from feab.leaderboard.store import TABLE, Change, Snapshot, Store, entries_of, events_of
from feab.leaderboard.tablefile import NOTHING, Holds, frame_of, holds, read_table, write_table
from feab.metrics import Drawn, places
from feab.runs.files import read_model
from feab.runs.folder import Run
from feab.runs.scoring import sums_parts
from feab.schemas import EstimateModel, RunManifest
from feab.tasks.scoring import ORACLE
from feab.tasks.task import DEFAULT_PROMPT

if TYPE_CHECKING:
    import pandas as pd

LEAST_COVERAGE = 0.98
"""Share of the questions that must be answered for a score to be ranked."""

HUMAN = "votes_one_out_human"

_NONE = EstimateModel(value=None)


def rebuild(store: Store, sets: Sets, draws: Draws) -> pd.DataFrame:
    """Make the table anew and write it to the store, unless somebody has written a newer one.

    Raises:
        FeabError: when the store cannot be read or written.
    """
    seen: list[tuple[Snapshot, list[Event]]] = []
    # Where nobody writes: between a line of the log and its files, a table would tell of the line and lack its rows.
    store.change(lambda now: seen.append((now, events_of(now))))
    snapshot, events = seen[-1]
    frame = build(snapshot, events, sets, draws)
    seq = len(events)
    data = write_table(frame, Holds(seq, _reported_of(snapshot)))

    def decide(now: Snapshot) -> Change | None:
        there = now.read(TABLE)
        return None if there is not None and holds(there).seq > seq else Change({TABLE: data})

    store.change(decide)
    return frame


def load_table(store: Store, sets: Sets, draws: Draws) -> pd.DataFrame:
    """The table of a store as it was made; made anew where something was listed or withdrawn since.

    The numbers of papers are those that the store has now: people write them by hand.

    Raises:
        FeabError: when the store cannot be read.
    """
    snapshot = store.snapshot()
    return table_of(snapshot, events_of(snapshot), sets, draws)


def table_of(snapshot: Snapshot, events: Sequence[Event], sets: Sets, draws: Draws) -> pd.DataFrame:
    """The table of a store whose log was read already; see `load_table`."""
    data = snapshot.read(TABLE)
    changed = max((event.seq for event in events if event.event in ("accepted", "withdrawn", "verified")), default=0)
    told = NOTHING if data is None else holds(data)
    if data is None or told.seq < changed:
        return build(snapshot, events, sets, draws)
    frame = read_table(data)
    if told.reported == _reported_of(snapshot):
        return frame
    ours = frame[frame["tier"].ne("reported")].astype(object)
    return frame_of([*ours.where(ours.notna(), None).to_dict("records"), *_reported(snapshot)])


def build(snapshot: Snapshot, events: Sequence[Event], sets: Sets, draws: Draws) -> pd.DataFrame:
    """The table, with the places that each score may hold among those it can be compared with.

    Raises:
        FeabError: when an entry or the reported numbers do not validate.
    """
    entries = entries_of(snapshot, events)
    attempts = {entry.id: _attempts(events, entry) for entry in entries}
    rows: list[dict[str, Any]] = []
    drawn: list[Drawn | None] = []
    earlier: set[tuple[object, ...]] = set()
    for entry in entries:
        kept = draws.of(entry) or _again(snapshot, entry, sets, draws)
        for row in _rows(entry, attempts[entry.id]):
            same = (*_asked(entry, row["task"]), *(row[name] for name in ("task", "version", "data", "fingerprint")))
            later = same in earlier
            earlier.add(same)
            why = "a later submission of the same model by the same user" if later else row["why_not"]
            model = kept.get(row["task"])
            if why is None and (model is None or model.score.value is None):
                why = "the labels are not here" if model is None else "the score is not defined"
            rows.append(row | {"why_not": why})
            drawn.append(model if why is None else None)
    _place(rows, drawn)
    return frame_of([*rows, *_reported(snapshot)])


def _asked(entry: Entry, task: str) -> tuple[object, ...]:
    """Who was asked about a task, and how: the same a second time is another try, whatever else it was asked then."""
    prompts = sorted((name, one.prompt) for name, one in entry.tasks.items() if task in (name, OVERALL))
    return (entry.user, entry.card.name, entry.revision, entry.scoring, entry.draws, *prompts)


def _attempts(events: Sequence[Event], entry: Entry) -> int:
    """How often this user tried to submit this model, up to the time that this was accepted."""
    accepted = next(event.seq for event in events if event.event == "accepted" and event.submission == entry.id)
    done = ("accepted", "refused")
    return sum(
        event.event in done and event.user == entry.user and event.model == entry.card.name and event.seq <= accepted
        for event in events
    )


def _rows(entry: Entry, attempts: int) -> list[dict[str, Any]]:
    """A row for each task, and for the overall score if there is one."""
    tokens = {name: getattr(entry, name) for name in ("cost_usd", "input_tokens", "output_tokens", "wall_s")}
    card = entry.card.model_dump(mode="json", include={"access", "parameters", "licence", "url", "description"})
    common = {
        "submission": entry.id,
        "submitted": entry.submitted,
        "user": entry.user,
        "attempts": attempts,
        "tier": entry.tier,
        "model": entry.card.name,
        "revision": entry.revision,
        "release_date": None if entry.card.release_date is None else entry.card.release_date.isoformat(),
        **card,
        **tokens,
    }
    rows = [common | _task_row(entry, name, one) for name, one in entry.tasks.items()]
    if entry.overall is not None:
        rows.append(common | _overall_row(entry, entry.overall, rows))
    return rows


def _task_row(entry: Entry, name: str, one: EntryTask) -> dict[str, Any]:
    chance = {player: value for player, value in one.chance.items() if player != ORACLE}
    best = max(chance, key=lambda player: chance[player], default=None)
    votes, human = (one.metrics.get(metric, _NONE).value for metric in ("votes_one_out", HUMAN))
    return {
        "task": name,
        "kind": one.kind,
        "version": one.version,
        "data": f"{one.dataset}/{one.split}",
        "fingerprint": one.fingerprint,
        "season": one.season,
        "protocol": protocol(one.prompt, entry),
        "metric": one.primary,
        **_numbers(one.metrics[one.primary]),
        "n": one.n,
        "coverage": one.coverage,
        **_shares(one),
        "chance": None if best is None else chance[best],
        "chance_player": best,
        "oracle": one.chance.get(ORACLE),
        "as_people": votes,
        "human": human,
        "may_have_seen": one.dataset in (*entry.card.trained_on, *entry.card.may_have_seen),
        "why_not": _why_not(one.coverage, one.prompt),
    }


def _overall_row(entry: Entry, overall: EstimateModel, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    data = sorted({row["data"] for row in rows})
    return {
        "task": OVERALL,
        "version": " ".join(f"{name}={one.version}" for name, one in sorted(entry.tasks.items())),
        "data": ", ".join(data),
        "fingerprint": " ".join(sorted({row["fingerprint"] for row in rows})),
        "season": ", ".join(sorted({row["season"] for row in rows if row["season"]})) or None,
        "protocol": ", ".join(dict.fromkeys(row["protocol"] for row in rows)),
        "metric": "above_chance",
        **_numbers(overall),
        "n": sum(row["n"] for row in rows),
        "coverage": min(row["coverage"] for row in rows),
        **_shares(*entry.tasks.values()),
        "chance": 0.0,
        "may_have_seen": any(row["may_have_seen"] for row in rows),
        "why_not": next((row["why_not"] for row in rows if row["why_not"]), None),
    }


def _shares(*tasks: EntryTask) -> dict[str, float]:
    """What came of the questions of some tasks, as shares of all of them."""
    counts = [task.outcomes.model_dump() for task in tasks]
    total = sum(sum(one.values()) for one in counts) or 1
    return {name: sum(one[name] for one in counts) / total for name in ("unparsable", "refused", "truncated")}


def protocol(prompt: str, entry: Entry) -> str:
    """How the answers were got, in a few words: prompt, how they were scored, how many draws, and by whom."""
    parts = [prompt]
    if entry.scoring != "generate":
        parts.append(entry.scoring)
    if entry.draws > 1:
        parts.append(f"{entry.draws} draws")
    if entry.provenance == "imported":
        parts.append("imported")
    return ", ".join(parts)


def _why_not(coverage: float, prompt: str) -> str | None:
    if coverage < LEAST_COVERAGE:
        return f"answered {coverage:.1%}, and {LEAST_COVERAGE:.0%} are needed"
    return None if prompt == DEFAULT_PROMPT else f"asked with prompt {prompt}, and {DEFAULT_PROMPT} is ranked"


def _place(rows: Sequence[dict[str, Any]], drawn: Sequence[Drawn | None]) -> None:
    """Write into the rows which places they may hold, each among the scores on the same faces by the same rules."""
    together: dict[tuple[object, ...], list[int]] = {}
    for i, (row, one) in enumerate(zip(rows, drawn, strict=True)):
        if one is not None:
            key = tuple(row[name] for name in ("task", "version", "data", "fingerprint", "tier"))
            together.setdefault(key, []).append(i)
    for members in together.values():
        held = places([one for i in members if (one := drawn[i]) is not None])
        for i, place in zip(members, held, strict=True):
            if place is None:
                rows[i]["why_not"] = "too few people for places"
            else:
                rows[i]["best"], rows[i]["worst"] = place


def _again(snapshot: Snapshot, entry: Entry, sets: Sets, draws: Draws) -> dict[str, Drawn]:
    """The draws of a submission whose file is lost; nothing where the labels are not here."""
    try:
        with taken_out(snapshot, entry.id) as found:
            run = Run(found.run, read_model(found.run / MANIFEST, RunManifest))
            return draws.keep(entry, sums_parts(run, sets.parts(run)))
    except FeabError:
        return {}


def _numbers(estimate: EstimateModel) -> dict[str, float | int | None]:
    return estimate.model_dump()


def _reported(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The rows of the numbers of papers."""
    data = snapshot.read(REPORTED)
    return [] if data is None else read_reported(data, Path(REPORTED))


def _reported_of(snapshot: Snapshot) -> str:
    """The sha256 of the file of those numbers; "" where there is none."""
    data = snapshot.read(REPORTED)
    return "" if data is None else hashlib.sha256(data).hexdigest()
