"""Checking a run folder that a stranger may have packed: every file, every line, every number that follows from them.

No link in it is followed, no path named in it is opened, and memory does not grow with its lines.
"""

from __future__ import annotations

import os
import stat
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path

from feab.errors import FeabError
from feab.journal.keys import KeySet, key_number
from feab.journal.lines import raw_lines
from feab.problems import Gather, InFile, Problem, problems_in, warning
from feab.records import Outcome
from feab.runs.files import fields_of, read_model
from feab.runs.folder import MANIFEST, PREDICTIONS, SCORES, Run
from feab.runs.parts import Part
from feab.runs.scoring import parts_of
from feab.runs.validate_lines import Asked, line_problems
from feab.runs.validate_manifest import check_manifest
from feab.runs.validate_scores import check_scores
from feab.schemas import Identity, Prediction, RunManifest, Scores, TaskIdentity
from feab.tasks import Task, load_tasks
from feab.yamlfile import open_plain

Progress = Callable[[int, int], None]
"""Called with lines checked and lines expected."""

REPORT = "report.html"
_OURS = frozenset({MANIFEST, PREDICTIONS, SCORES, REPORT, ".lock"})
_LEFT_OVER = frozenset({f"{MANIFEST}.new", f"{SCORES}.new", f"{REPORT}.new", f"{PREDICTIONS}.repair"})
_TELL_EVERY = 500


def check_run(
    folder: Path,
    notes: Gather,
    *,
    data: str | PathLike[str] | None = None,
    include: Sequence[str | PathLike[str]] = (),
    on_progress: Progress | None = None,
) -> str:
    """Note everything that is wrong with a run folder; returns what it is, in a few words.

    Args:
        folder: the run folder.
        notes: takes the problems.
        data: the dataset it was asked about (name or folder), where that is not known here by its name. Without it,
            what depends on the labels is not checked, and a warning says so.
        include: further folders of task files.
        on_progress: called with lines checked and lines expected.
    """
    plain = _check_entries(folder, notes)
    if MANIFEST not in plain:
        if not notes.errors:
            notes.note(Problem(folder / MANIFEST, "is not there", advice="a run folder has one; copy it too"))
        manifest = None
    else:
        manifest = notes.attempt(read_model, None, folder / MANIFEST, RunManifest)
    found = _Counted()
    if manifest is None:
        if PREDICTIONS in plain:
            _check_predictions(folder / PREDICTIONS, 0, None, found, notes, on_progress)
        if SCORES in plain:
            notes.attempt(read_model, None, folder / SCORES, Scores)
        return "run"
    run, at = Run(folder, manifest), fields_of(folder / MANIFEST, notes)
    check_manifest(manifest, at)
    asked, parts = _asked(run, at, notes, data, include)
    if PREDICTIONS in plain:
        _check_predictions(folder / PREDICTIONS, manifest.expected, asked, found, notes, on_progress)
    elif any(manifest.outcomes.model_dump().values()):
        notes.note(Problem(folder / PREDICTIONS, "is not there", advice="a run folder has one; copy it too"))
    _check_counts(manifest, parts, found, at)
    if SCORES in plain:
        whole = len(parts) == len(manifest.identity.tasks) and not found.broken
        check_scores(run, parts if whole else None, notes)
    return f"run of {manifest.identity.model}, {found.lines:,} answers"


def _check_entries(folder: Path, notes: Gather) -> set[str]:
    """The names of feab's files that are plain files; whatever else is there is told."""
    plain = set()
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = folder / entry.name
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISLNK(mode):
                notes.note(Problem(path, "is a link, which is not followed", advice="put the file itself in its place"))
            elif entry.name in _OURS and not stat.S_ISREG(mode):
                notes.note(Problem(path, "is no plain file", advice="remove it, and put the file in its place"))
            elif entry.name in _OURS:
                plain.add(entry.name)
            elif entry.name in _LEFT_OVER:
                notes.note(warning(Problem(path, "is left over from a run that was killed", advice="remove it")))
            else:
                advice = "remove it before the folder is passed on"
                notes.note(warning(Problem(path, "is no file of a run folder", advice=advice)))
    return plain


# ---------------------------------------------------------------------------------------------- what the run says it is


def _asked(
    run: Run, at: InFile, notes: Gather, data: str | PathLike[str] | None, include: Sequence[str | PathLike[str]]
) -> tuple[dict[str, Asked], list[Part]]:
    """For each task what its lines are checked against; and the tasks whose labels are at hand."""
    asked: dict[str, Asked] = {}
    parts: list[Part] = []
    for name, told in run.manifest.identity.tasks.items():
        place = ["identity", "tasks", name]
        task, part = _task_of(name, told, include), None
        if data is None and not _is_here(told):
            words = f"dataset {told.dataset}/{told.split} is not here, so samples and scores are not checked"
            at.note(place, words, "give it with --data", severity="warning")
        else:
            part = _part_of(run, name, told, data, include, at, known=task is not None)
        if task is None and part is None:
            words = "is not known here, so its answers are not checked against its options"
            at.note(place, words, "give its folder with --include DIR", severity="warning")
        if part is not None:
            parts.append(part)
        asked[name] = Asked.of(told, run.manifest.identity, task, part)
    return asked, parts


def _task_of(name: str, told: TaskIdentity, include: Sequence[str | PathLike[str]]) -> Task | None:
    try:
        task = load_tasks([name], include=include)[0]
    except FeabError:
        return None
    return task if task.name == name and task.kind == told.kind else None


def _is_here(told: TaskIdentity) -> bool:
    """Whether the dataset is known by its name, and its split need not be rendered first."""
    from feab.data import read_info
    from feab.data.places import named

    folder = named(told.dataset)
    try:
        return folder is not None and told.split in read_info(folder).splits
    except FeabError:
        return True  # which opening it will tell


def _part_of(
    run: Run,
    name: str,
    told: TaskIdentity,
    data: str | PathLike[str] | None,
    include: Sequence[str | PathLike[str]],
    at: InFile,
    *,
    known: bool,
) -> Part | None:
    """One task of the run with its labels, by the way that scoring takes; None where it is not what was asked.

    That a task is not `known` is told elsewhere.
    """
    only: Identity = run.manifest.identity.model_copy(update={"tasks": {name: told}})
    alone = replace(run, manifest=run.manifest.model_copy(update={"identity": only}))
    place = ["identity", "tasks", name]
    part = None
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            (part,) = parts_of(alone, data, include=include)
        except FeabError as error:
            for problem in problems_in(error, at.file) if known else ():
                at.note(place, problem.message, "give the --data and --include that the run was asked with")
    for one in said:
        at.note(place, str(one.message), "score it on the machine it was made on", severity="warning")
    return part


# ---------------------------------------------------------------------------------------------------------- predictions


@dataclass(slots=True)
class _Counted:
    """What the lines of predictions.jsonl come to."""

    lines: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    input_tokens: int = 0
    output_tokens: int = 0
    broken: bool = False
    """Whether a line is wrong, so that nothing can be scored."""

    def add(self, prediction: Prediction) -> None:
        """Count a line."""
        self.lines += 1
        self.outcomes[prediction.outcome] += 1
        self.input_tokens += prediction.usage.input_tokens or 0
        self.output_tokens += prediction.usage.output_tokens or 0


def _check_predictions(
    path: Path,
    expected: int,
    asked: Mapping[str, Asked] | None,
    found: _Counted,
    notes: Gather,
    on_progress: Progress | None,
) -> None:
    seen = KeySet()
    try:
        file = open_plain(path, links=False)
    except (FeabError, OSError) as error:
        notes.note(Problem(path, f"cannot be read ({error})"))
        return
    with file:
        for number, line in enumerate(raw_lines(file), start=1):
            if on_progress is not None and number % _TELL_EVERY == 0:
                on_progress(number, max(expected, number))
            if not line.ended and line.parse() is None and not line.too_long:
                half = "is half a line, as a killed run leaves it"
                notes.note(warning(Problem(path, half, number, advice="run the same command again")))
                return
            problems: list[Problem] = []
            prediction = line_problems(line, path, number, asked, problems)
            if prediction is not None:
                if not seen.add(key_number(prediction.key)):
                    words = f"the key {prediction.key} occurs a second time"
                    problems.append(Problem(path, words, number, advice="keep one of the lines"))
                found.add(prediction)
            for problem in problems:
                notes.note(problem)
            found.broken = found.broken or any(problem.severity == "error" for problem in problems)


def _check_counts(manifest: RunManifest, parts: Sequence[Part], found: _Counted, at: InFile) -> None:
    """The manifest can be recounted from the lines, and from what was asked."""

    def compare(place: Sequence[str], told: int | None, counted: int) -> None:
        if (told or 0) != counted:
            advice = "run the same command again, which recounts; or restore the file that was changed"
            at.note(place, f"says {told}, and it is {counted}", advice)

    counts = found.outcomes
    for outcome in Outcome:
        compare(["outcomes", outcome.value], getattr(manifest.outcomes, outcome.value), counts[outcome])
    compare(["input_tokens"], manifest.input_tokens, found.input_tokens)
    compare(["output_tokens"], manifest.output_tokens, found.output_tokens)
    if len(parts) == len(manifest.identity.tasks):
        compare(["expected"], manifest.expected, sum(part.expected for part in parts))
    missing = manifest.expected - (found.lines - counts[Outcome.ERROR])
    if missing > 0 and not found.broken:
        words = f"INCOMPLETE: {missing:,} of {manifest.expected:,} answers are missing"
        at.note(["expected"], words, "the same command asks them again", severity="warning")
