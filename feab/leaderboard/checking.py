"""Whether a submission may be listed, and what it scores: the one examination that a server and `feab verify` make."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from feab.errors import FeabError
from feab.leaderboard.records import CARD, MANIFEST, PREDICTIONS, EntryCard
from feab.leaderboard.sets import LabelSet, Sets
from feab.leaderboard.unpacking import MAX_LINE, MAX_LINES, Unpacked
from feab.metrics import ClusterSums
from feab.problems import Gather, InFile, Problem
from feab.runs.files import fields_of, read_model
from feab.runs.folder import Run
from feab.runs.parts import Part
from feab.runs.scoring import score_parts, sums_parts
from feab.runs.validate import check_run
from feab.schemas import RunManifest, Scores, TaskIdentity
from feab.tasks import load_tasks
from feab.yamlfile import sha256_of

Progress = Callable[[int, int], None]
"""Called with lines checked and lines expected."""

MOST_TASKS = 50
_TOLD, _WARNED, _NAMED = 100, 20, 3
"""Problems, warnings and missing faces that are told one by one."""
_AGAIN = "pack it again with `feab submit`"
_HERE = re.compile(r"(?<![\w.])/(?:[\w.@ -]+/)+")
"""A path up to the name of its file: where the leaderboard's own files lie is nobody else's business."""


@dataclass(frozen=True, slots=True, eq=False)
class Examined:
    """What an examination found. It may be listed when there are no problems; only then there are scores."""

    problems: tuple[Problem, ...]
    more: int = 0
    """Problems beyond those listed."""
    warnings: tuple[Problem, ...] = ()
    """The first of them."""
    unlike_text: int = 0
    """Answers that this feab does not read in their texts."""
    manifest: RunManifest | None = None
    card: EntryCard | None = None
    """Also of what was refused, where it can be read: whose attempt it was."""
    sets: Mapping[str, LabelSet] | None = None
    """Of each task."""
    files: Mapping[str, str] | None = None
    """sha256 of each file."""
    scores: Scores | None = None
    """In full. Those of a hidden set are not to be shown as they are."""
    sums: Mapping[str, ClusterSums] | None = None

    @property
    def hidden(self) -> bool:
        """Whether the labels of all its sets are the leaderboard's alone."""
        return bool(self.sets) and all(one.hidden for one in (self.sets or {}).values())


def examine(found: Unpacked, sets: Sets, on_progress: Progress | None = None) -> Examined:
    """Check a submission from end to end and score it against the leaderboard's labels. Problems are not raised.

    Args:
        found: its files, as `unpacked` gives them.
        sets: what the leaderboard scores.
        on_progress: called with lines checked and lines expected.
    """
    notes = _Noted(found.run / MANIFEST, most=_TOLD)
    card = notes.attempt(read_model, None, found.card, EntryCard)
    manifest = notes.attempt(read_model, None, found.run / MANIFEST, RunManifest)
    _check_size(found.run / PREDICTIONS, notes)
    if manifest is None or card is None:
        return _told(found, notes, card)
    if card.name != manifest.identity.model:
        words = f"{card.name!r} is not the model of the manifest, {manifest.identity.model!r}"
        notes.note(Problem(found.card, words, where="name", advice=_AGAIN))
    known = _check_asked(manifest, sets, fields_of(found.run / MANIFEST, notes))
    if notes.errors:
        return _told(found, notes, card)
    labels = next((one.labels for one in known.values() if one.labels is not None), None)
    check_run(found.run, notes, data=labels, include=sets.include, on_progress=on_progress)
    run = Run(found.run, manifest)
    scored = None if notes.errors else notes.attempt(_scored, None, run, sets, notes)
    if scored is None or notes.errors:
        return _told(found, notes, card)
    scores, sums = scored
    return replace(
        _told(found, notes, card), manifest=manifest, sets=known, files=digests(found), scores=scores, sums=sums
    )


def told(examined: Examined) -> tuple[str, ...]:
    """The problems, a line each, and how many there are beyond those listed."""
    lines = [str(problem) if not problem.advice else f"{problem}; {problem.advice}" for problem in examined.problems]
    return (*lines, *((f"and {examined.more:,} more problems",) if examined.more else ()))


class _Noted(Gather):
    """Problems are kept; warnings, of which there may be one a line, are counted, and the first of them kept."""

    __slots__ = ("unlike_text", "warnings")

    def __init__(self, file: Path, most: int) -> None:
        super().__init__(file, most)
        self.warnings: list[Problem] = []
        self.unlike_text = 0

    def note(self, problem: Problem, message: str | None = None) -> None:
        """Keep it, or count it."""
        if problem.severity == "error":
            super().note(problem, message)
            return
        self.unlike_text += problem.where == "answer"
        if len(self.warnings) < _WARNED:
            self.warnings.append(problem)


def _told(found: Unpacked, notes: _Noted, card: EntryCard | None) -> Examined:
    """The problems as a stranger may read them: files by their names, nothing of where they lie here."""
    here = str(found.run.parent)

    def plain(problem: Problem) -> Problem:
        words, advice = (_HERE.sub("", text.replace(f"{here}/", "")) for text in (problem.message, problem.advice))
        return replace(problem, file=Path(problem.file.name), message=words, advice=advice)

    problems, warned = (tuple(plain(one) for one in some) for some in (notes.problems, notes.warnings))
    return Examined(problems, notes.more, warned, notes.unlike_text, card=card)


def _check_size(path: Path, notes: _Noted) -> None:
    """No line, and no number of lines, beyond what answers need."""
    with path.open("rb") as file:
        number = 0
        while data := file.readline(MAX_LINE + 1):
            number += 1
            if len(data) > MAX_LINE:
                advice = "shorten the text; its answer stands at its end"
                notes.note(Problem(path, f"the line is longer than {MAX_LINE:,} bytes", number, advice=advice))
                return
            if number > MAX_LINES:
                notes.note(Problem(path, f"has more than {MAX_LINES:,} lines", advice="submit its tasks one by one"))
                return


def _check_asked(manifest: RunManifest, sets: Sets, at: InFile) -> dict[str, LabelSet]:
    """The set that each task is about; the task must be one of this leaderboard's, asked about all its faces."""
    identity, found = manifest.identity, dict[str, LabelSet]()
    if identity.limit is not None:
        at.note(["identity", "limit"], f"at most {identity.limit:,} faces a task were asked", "run it without --limit")
    if manifest.expected > MAX_LINES:  # draws are a number that a stranger wrote, and each is looked for
        at.note(["expected"], f"are more than {MAX_LINES:,} answers", "submit its tasks one by one")
        return found
    if len(identity.tasks) > MOST_TASKS:
        at.note(["identity", "tasks"], f"names {len(identity.tasks):,} tasks", f"submit {MOST_TASKS} at a time")
        return found
    for name, told in identity.tasks.items():
        place = ["identity", "tasks", name]
        if not _check_task(name, told, sets, at):
            continue
        known = sets.find(told)
        split = f"{told.dataset}/{told.split}"
        if known is None:
            at.note([*place, "dataset"], f"{split} is no data that this leaderboard scores", "leave the task out")
        elif identity.datasets.get(split) != known.fingerprint:
            words = f"{split} is other data than this leaderboard's, whose fingerprint is {known.fingerprint}"
            at.note(["identity", "datasets", split], words, "run it on that data")
        else:
            found[name] = known
    private = any(one.labels is not None for one in found.values())
    places = {(told.dataset, told.split) for told in identity.tasks.values()}
    if private and len(places) > 1:
        at.note(["identity", "tasks"], "are about hidden faces and about others", "submit a run about each set")
    return found


def _check_task(name: str, told: TaskIdentity, sets: Sets, at: InFile) -> bool:
    place = ["identity", "tasks", name]
    try:
        (task,) = load_tasks([name], include=sets.include)
    except (FeabError, ValueError):
        at.note(place, "is no task of this leaderboard", "see `feab tasks`")
        return False
    if task.name != name or task.kind != told.kind:
        at.note([*place, "kind"], f"is not {task.kind}, as that of the task is", _AGAIN)
    elif task.version != told.version:
        words = f"{told.version!r} is not the version that this leaderboard scores, {task.version!r}"
        at.note([*place, "version"], words, "run it with the feab of the leaderboard")
    elif (told.dataset, told.split) != (task.dataset, task.split) and (
        f"{told.dataset}/{told.split}" not in sets.named
    ):
        words = f"{told.dataset}/{told.split} is not what the task is about, {task.dataset}/{task.split}"
        at.note([*place, "dataset"], words, "run it without --data")
    else:
        return True
    return False


def _scored(run: Run, sets: Sets, notes: _Noted) -> tuple[Scores, dict[str, ClusterSums]]:
    """The scores and the sums behind them, where no answer is missing or an error."""
    parts = sets.parts(run)
    _check_whole(run, parts, notes)
    notes.settle()
    return score_parts(run, parts, write=False), sums_parts(run, parts)


def _check_whole(run: Run, parts: Sequence[Part], notes: _Noted) -> None:
    """Every question has its answer. That none has two, and none is about something else, has been checked."""
    path = run.path / PREDICTIONS
    answered: dict[tuple[str, str, int], set[str]] = {}
    for number, line in enumerate(run.predictions(), start=1):
        answered.setdefault((line.task, line.prompt, line.draw), set()).add(line.sample)
        if line.error is not None:
            words = f"{line.sample!r} of {line.task} ended in an error, which is no answer"
            notes.note(Problem(path, words, number, "outcome", "run the same command again, which asks it again"))
    for part in parts:
        for prompt in part.prompts:
            for draw in range(part.draws):
                there = answered.get((part.task.name, prompt, draw), set())
                missing = [sample for sample in part.ids if sample not in there]
                if missing:
                    named = ", ".join(map(repr, missing[:_NAMED])) + (", …" if len(missing) > _NAMED else "")
                    words = f"{len(missing):,} of {len(part.rows):,} faces have no answer to {prompt}: {named}"
                    advice = "finish the run: the same command goes on with it"
                    notes.note(Problem(path, words, where=part.task.name, advice=advice))


def digests(found: Unpacked) -> dict[str, str]:
    """sha256 of the three files that were sent."""
    sent = {MANIFEST: found.run / MANIFEST, PREDICTIONS: found.run / PREDICTIONS, CARD: found.card}
    return {name: _digest(path) for name, path in sent.items()}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return sha256_of(file)
