"""Verified by running again: somebody else's run of a listed model, beside the one that was submitted.

Both are scored by the leaderboard's own labels. The second run agrees when on every task the score is the same, or the
95 % interval of the paired difference holds 0 (our choice): asking the same model twice differs by chance alone, and
answers of another model by more. From few faces little can be told, so the intervals are kept and shown. Where the
second run does not agree, that is kept and shown, too: else one could run again until it does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from os import PathLike
from pathlib import Path

import feab
from feab.errors import FeabError
from feab.jsonfile import validated
from feab.leaderboard.checking import Examined, Progress, digests, examine, told
from feab.leaderboard.opened import laid_out, taken_out
from feab.leaderboard.packing import run_files
from feab.leaderboard.receiving import Board, check_user
from feab.leaderboard.records import (
    CARD,
    ENTRY,
    MANIFEST,
    PACKED,
    PREDICTIONS,
    RERUN,
    RERUNS,
    Again,
    Entry,
    Event,
    Rerun,
)
from feab.leaderboard.sets import Sets
from feab.leaderboard.store import SUBMISSIONS, Change, Note, Snapshot, entries_of, events_of
from feab.leaderboard.table import rebuild
from feab.leaderboard.unpacking import Unpacked, packed_answers
from feab.metrics import ClusterSums, difference
from feab.runs.files import read_model
from feab.runs.folder import Run, load_run
from feab.runs.scoring import sums_parts
from feab.runs.validate_scores import differences
from feab.schemas import EstimateModel, RunManifest

_SAME = ("model", "tasks", "prompts", "datasets", "crop", "image_size", "sampling", "draws", "limit", "scoring")
"""Of a run's identity: what a second run must have alike. `tasks` has versions, prompts and splits by their hashes."""
_MAY_DIFFER = ("adapter", "adapter_version", "adapter_args", "seed")
"""What may differ and is told: how the model was reached, and the dice."""
_TOLD = frozenset({"rerun", "user", "feab_version"})
"""Of a record: what does not follow from the files."""


def run_again(
    board: Board,
    submission: str,
    run: Run | str | PathLike[str],
    *,
    user: str,
    on_progress: Progress | None = None,
) -> Rerun:
    """Compare a second run of a listed model with what was submitted, and keep it; if it agrees, the entry is verified.

    Args:
        board: the leaderboard; whoever calls this may write to its store.
        submission: the id of a listed submission.
        run: the second run or its folder: of the same model and revision, asked the same.
        user: who ran it again.
        on_progress: called with lines checked and lines expected.

    Raises:
        FeabError: when it is not listed, is verified already or was submitted by the same user, the run is not one that
            could be submitted or is the submitted one itself, or it was asked something else: what differs is named.
    """
    check_user(user)
    found = run if isinstance(run, Run) else load_run(run)
    manifest, files = run_files(found)
    snapshot = board.store.snapshot()
    entry = _listed(snapshot, events_of(snapshot), submission, user)
    with taken_out(snapshot, submission) as first:
        files[CARD] = first.card.read_bytes()
        _check_same(read_model(first.run / MANIFEST, RunManifest), manifest)
        with laid_out(files) as second:
            record = _compared(entry, first, second, _examined(second, board.sets, on_progress), board.sets, user)
            kept = {MANIFEST: files[MANIFEST], PACKED: packed_answers(second.run / PREDICTIONS)}
    kept[RERUN] = record.model_dump_json(indent=1, by_alias=True).encode() + b"\n"
    place = f"{SUBMISSIONS}/{submission}/{RERUNS}/{record.files[PREDICTIONS][:12]}"

    def decide(now: Snapshot) -> Change:
        events = events_of(now)
        listed = _listed(now, events, submission, user)
        if now.read(f"{place}/{RERUN}") is not None:
            raise FeabError(f"{submission}: this run stands beside it already")
        attempt = next(event.attempt for event in events if event.submission == submission)
        what, why = ("verified", ()) if record.agrees else ("disagreed", tuple(_disagreements(record)))
        placed = {f"{place}/{name}": data for name, data in kept.items()}
        return Change(placed, Note(what, user, attempt, listed.card.name, submission, why))  # type: ignore[arg-type]

    board.store.change(decide)
    if record.agrees:
        rebuild(board.store, board.sets, board.draws)
    return record


def reruns_of(snapshot: Snapshot, events: Sequence[Event], submission: str) -> list[Rerun]:
    """What came of running a submission's model again, in order.

    Raises:
        FeabError: when a record is gone or does not validate.
    """
    found = []
    for event in events:
        if event.submission == submission and event.event in ("verified", "disagreed"):
            path = f"{SUBMISSIONS}/{submission}/{_folder(event)}/{RERUN}"
            data = snapshot.read(path)
            if data is None:
                raise FeabError(f"{path}: is gone")
            found.append(validated(Rerun, data, Path(path)))
    return found


def check_reruns(snapshot: Snapshot, events: Sequence[Event], submission: str, sets: Sets) -> list[str]:
    """Compute everything again that is said of second runs of a submission's model; what is wrong, a line each.

    Raises:
        FeabError: when a file is gone or cannot be read.
    """
    found: list[str] = []
    for event, record in zip(
        (one for one in events if one.submission == submission and one.event in ("verified", "disagreed")),
        reruns_of(snapshot, events, submission),
        strict=True,
    ):
        place = _folder(event)
        found += (f"{place}: {line}" for line in _wrong(snapshot, event, record, place, sets))
    return found


def _wrong(snapshot: Snapshot, event: Event, record: Rerun, place: str, sets: Sets) -> Iterator[str]:
    """Where a record, or the log, says of a second run what does not follow from its files."""
    submission = record.submission
    data = snapshot.read(f"{SUBMISSIONS}/{submission}/{ENTRY}")
    if submission != event.submission or data is None:
        yield f"{RERUN}: is about {submission}"
        return
    entry = validated(Entry, data, Path(ENTRY))
    with taken_out(snapshot, submission) as first, taken_out(snapshot, submission, place) as second:
        try:
            _check_same(*(read_model(one.run / MANIFEST, RunManifest) for one in (first, second)))
            again = _compared(entry, first, second, _examined(second, sets, None), sets, record.user)
        except FeabError as error:
            yield str(error)
            return
    if record.user == entry.user:
        yield f"{RERUN}: user: {record.user} is the one who submitted"
    before, now = (json.loads(one.model_dump_json(by_alias=True, exclude=set(_TOLD))) for one in (record, again))
    for where, was, is_now in differences(before, now, ()):
        yield f"{RERUN}: {'.'.join(where)}: says {was}, and its files say {is_now}"
    if (event.event == "verified") != again.agrees:
        yield f"line {event.seq} of the log says {event.event}, and its files do not"


def _folder(event: Event) -> str:
    """The folder that a second run was put into, within that of the submission.

    Raises:
        FeabError: when the log says that none was.
    """
    start = f"{SUBMISSIONS}/{event.submission}/"
    for path in event.files:
        if path.startswith(f"{start}{RERUNS}/") and path.endswith(f"/{RERUN}"):
            return path.removeprefix(start).removesuffix(f"/{RERUN}")
    raise FeabError(f"line {event.seq} of the log says {event.event}, and of no run")


def _listed(snapshot: Snapshot, events: Sequence[Event], submission: str, user: str) -> Entry:
    """The entry, if it can be verified by this user."""
    entry = next((one for one in entries_of(snapshot, events) if one.id == submission), None)
    if entry is None:
        raise FeabError(f"{submission[:60]!r} is not listed")
    if entry.tier == "verified":
        raise FeabError(f"{submission}: is verified already")
    if entry.user == user:
        raise FeabError(f"{submission}: {user} submitted it; somebody else must run it again (--user NAME)")
    return entry


def _check_same(first: RunManifest, second: RunManifest) -> None:
    """The second run must have been asked the same, and be another one."""
    if second.provenance != "feab":
        raise FeabError("the run was imported; run the model again with `feab run`")
    if first.created == second.created and first.machine == second.machine:
        raise FeabError(f"is the submitted run itself: both were begun at {first.created} on the same machine")
    one, other = first.identity, second.identity
    if one.revision not in (None, other.revision):
        raise FeabError(f"revision: {_short(one.revision)} was submitted, and {_short(other.revision)} was run again")
    for name in _SAME:
        was, now = getattr(one, name), getattr(other, name)
        if was != now:
            for place, here, there in differences(_plain(was), _plain(now), (name,)):
                words = f"{'.'.join(place)}: {_short(here)} was submitted, and {_short(there)} was run again"
                raise FeabError(f"{words}; such runs cannot be compared")


def _plain(value: object) -> object:
    """A part of an identity as JSON has it."""
    return json.loads(json.dumps(value, default=lambda one: one.model_dump(mode="json")))


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:24]}…"


def _examined(second: Unpacked, sets: Sets, on_progress: Progress | None) -> Examined:
    """The examination of the second run, in which nothing may be wrong."""
    found = examine(second, sets, on_progress)
    if found.problems:
        raise FeabError("the run could not be submitted itself: " + "; ".join(told(found)[:5]))
    return found


def _compared(entry: Entry, first: Unpacked, second: Unpacked, examined: Examined, sets: Sets, user: str) -> Rerun:
    """What the two runs come to beside each other."""
    runs = [Run(one.run, read_model(one.run / MANIFEST, RunManifest)) for one in (first, second)]
    assert examined.scores is not None
    assert examined.sums is not None
    before = sums_parts(runs[0], sets.parts(runs[0]))
    scores = examined.scores.tasks
    same, answers = _alike(*runs)
    return Rerun(
        submission=entry.id,
        rerun=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        user=user,
        files={name: digests(second)[name] for name in (MANIFEST, PREDICTIONS)},
        same=same,
        answers=answers,
        differs=[
            name for name in _MAY_DIFFER if len({_hash(getattr(run.manifest.identity, name)) for run in runs}) > 1
        ],
        tasks={
            name: Again(score=scores[name].metrics[scores[name].primary], difference=_difference(one, before[name]))
            for name, one in examined.sums.items()
        },
        feab_version=feab.__version__,
    )


def _difference(second: ClusterSums, first: ClusterSums) -> EstimateModel:
    found = difference(first, second, permutations=1)  # the interval decides, and no p-value is told
    return EstimateModel(value=found.value, low=found.low, high=found.high, clusters=found.clusters)


def _alike(first: Run, second: Run) -> tuple[int, int]:
    """How many answers are the same in two runs, and how many there are."""
    told = {line.key: _hash([line.outcome, line.answer]) for line in first.predictions()}
    same = sum(told.get(line.key) == _hash([line.outcome, line.answer]) for line in second.predictions())
    return same, len(told)


def _hash(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=lambda one: one.model_dump(mode="json"))
    return hashlib.sha256(text.encode()).hexdigest()


def _disagreements(record: Rerun) -> Iterator[str]:
    """Where a second run does not agree, with the numbers."""
    for name, task in record.tasks.items():
        if not task.agrees:
            yield f"{name}: {task.told}"
