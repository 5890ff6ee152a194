"""Taking rows in: each finds its task, its face and its answer, or is counted and named among those that did not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from feab.errors import FeabError
from feab.journal import Journal, storable
from feab.journal.keys import KeySet, key_number
from feab.records import Outcome
from feab.runs.outside.meaning import Meant, meaning
from feab.runs.outside.names import Faces, Match
from feab.runs.outside.rows import Row
from feab.runs.outside.tables import Said
from feab.runs.parts import Part
from feab.schemas import Prediction, VaValue, answer_json
from feab.tasks import Task

IMPORTED = "imported"
"""The prompt's name where the file has none."""

MAX_PROMPTS = 64
MAX_DRAWS = 1000
SHOWN = 10
"""How many of the rows or faces of one sort are named."""

_PROMPT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_VALUE = {"expression": str, "valence_arousal": VaValue, "action_units": list}


@dataclass(slots=True)
class Noted:
    """Something that happened to rows or faces: in words, how often, and the first ten of them."""

    what: str
    count: int = 0
    first: tuple[str, ...] = ()

    def add(self, name: object) -> None:
        """Count one more."""
        self.count += 1
        if len(self.first) < SHOWN and (text := str(name)[:80]) not in self.first:
            self.first += (text,)


class Intake:
    """The rows of a file on their way into a file of predictions.

    Attributes:
        rows: rows taken so far.
        matched: how faces were found -> rows.
    """

    def __init__(self, parts: Sequence[Part], draft: Path) -> None:
        """`parts`: the tasks, with the faces each is about; `draft`: the file to write."""
        self.rows = 0
        self.matched: Counter[str] = Counter()
        self._parts = {part.task.name: part for part in parts}
        self._asked = {name: frozenset(part.ids) for name, part in self._parts.items()}
        datasets = {id(part.dataset): part.dataset for part in parts}
        self._faces = {key: Faces(dataset.ids) for key, dataset in datasets.items()}
        self._prompts: dict[str, dict[str, None]] = {name: {} for name in self._parts}
        self._first_draw, self._last_draw = MAX_DRAWS, 0
        self._understood: Counter[str] = Counter()
        self._unreadable: Counter[str] = Counter()
        self._failed = KeySet()
        self._wordings = {
            name: {prompt: [task.wording(prompt) for task in part.task.as_asked] for prompt in part.task.prompts}
            for name, part in self._parts.items()
        }
        self._draft = draft
        self._notes = {
            key: Noted(what)
            for key, what in {
                "unknown": "rows about faces that the dataset does not have, left out",
                "several": "rows whose name fits several faces, left out",
                "repeated": "rows about a face that was answered before, left out (draws need a column draw)",
                "task": "rows of other tasks, left out",
                "unlabelled": "answers about faces that have no label of the task, left out",
                "empty": "rows without an answer, left out",
                "unreadable": "labels or values that are none of the task's: kept, scored as wrong",
                "lacking": "action units without a value where others have one: taken as not named",
                "failed": "rows that say that asking failed: kept, not scored",
            }.items()
        }

    @property
    def names(self) -> tuple[str, ...]:
        """The tasks."""
        return tuple(self._parts)

    def notes(self) -> tuple[Noted, ...]:
        """What became of rows that were not taken over as they stood."""
        return tuple(noted for noted in self._notes.values() if noted.count)

    def parts(self) -> list[Part]:
        """The tasks, with the prompts and draws that the file has."""
        return [
            replace(part, prompts=tuple(self._prompts[name]) or (IMPORTED,), draws=self._last_draw + 1)
            for name, part in self._parts.items()
        ]

    @contextmanager
    def open(self) -> Iterator[Journal]:
        """Hold a new file of predictions open."""
        self._draft.unlink(missing_ok=True)
        with Journal(self._draft, locked=True) as self._journal:
            yield self._journal

    def take(self, said: Said) -> None:
        """Take in a row, or a prediction that feab wrote.

        Raises:
            FeabError: naming file and line, when it cannot be an answer.
        """
        self.rows += 1
        if isinstance(said, Row):
            self._take_row(said)
        else:
            self._take_prediction(*said)

    def _take_row(self, row: Row) -> None:
        answers = [(part, meant) for part in self._parts_of(row) if (meant := meaning(row, part.task)) is not None]
        if not answers:
            if "task" not in row.values or row.values["task"] in self._parts:
                self._notes["empty"].add(row.values.get("id", row.where))
            return
        name = row.values.get("id")
        if isinstance(name, bool) or not isinstance(name, (str, int)):
            raise FeabError(f"{row.where}: does not say which face it is about")
        draw = _draw(row)
        for part, meant in answers:
            face = self._face(str(name), part, count=part is answers[0][0])
            if face is None:
                continue
            prompt = self._prompt(row, part.task, face)
            text = None if meant.text is None else storable(meant.text)
            prediction = Prediction(
                task=part.task.name,
                sample=face,
                prompt=prompt,
                draw=draw,
                text=text,
                answer=answer_json(meant.answer),
                outcome=meant.answer.outcome,
            )
            if self._write(prediction, row.where):
                self._remark(meant, prediction)

    def _parts_of(self, row: Row) -> list[Part]:
        """The tasks that a row may be about."""
        task = row.values.get("task")
        if task is not None:
            if not isinstance(task, str):
                raise FeabError(f"{row.where}: the task is no name")
            if task not in self._parts:
                self._notes["task"].add(task)
                return []
            return [self._parts[task]]
        if len(self._parts) > 1 and "text" in row.values:
            raise FeabError(
                f"{row.where}: does not say which of the tasks {', '.join(self._parts)} its text answers; add a column "
                "task, or import one task at a time"
            )
        return list(self._parts.values())

    def _face(self, name: str, part: Part, *, count: bool) -> str | None:
        """The id of the face that a name means, if the task is about it; `count` each row once."""
        face, how = self._faces[id(part.dataset)].find(name)
        if face is None:
            self._notes["several" if how is Match.AMBIGUOUS else "unknown"].add(name)
            return None
        if count:
            self.matched[how.value] += 1
        if face not in self._asked[part.task.name]:
            self._notes["unlabelled"].add(face)
            return None
        return face

    def _prompt(self, row: Row, task: Task, face: str) -> str:
        """The name of the prompt: the file's, or that of the task's whose very words were logged, or "imported"."""
        name, question = row.values.get("prompt"), row.values.get("question")
        if isinstance(name, str) and _PROMPT.fullmatch(name):
            return name
        wordings = self._wordings[task.name]
        for known in (*self._prompts[task.name], *wordings) if question is not None else ():
            if known in wordings and any(wording(face) == question for wording in wordings[known]):
                return known
        return IMPORTED

    def _take_prediction(self, where: str, prediction: Prediction) -> None:
        part = self._parts.get(prediction.task)
        if part is None:
            self._notes["task"].add(prediction.task)
            return
        if not _PROMPT.fullmatch(prediction.prompt):
            raise FeabError(f"{where}: prompt {prediction.prompt!r}: names hold letters, digits, _ . and - only")
        if prediction.answer is not None and not isinstance(prediction.answer, _VALUE[part.task.kind]):
            raise FeabError(f"{where}: the answer {prediction.answer!r} is none to task {part.task.name}")
        if (face := self._face(prediction.sample, part, count=True)) is None:
            return
        self._write(prediction.model_copy(update={"sample": face}), where)

    def _write(self, prediction: Prediction, where: str) -> bool:
        """Append a prediction; whether it was the first of its key."""
        if prediction.draw >= MAX_DRAWS:
            raise FeabError(f"{where}: draw {prediction.draw}: at most {MAX_DRAWS} answers a question are read")
        if not self._journal.append([prediction]):
            self._notes["repeated"].add(prediction.sample)
            return False
        prompts = self._prompts[prediction.task]
        prompts[prediction.prompt] = None
        if len(prompts) > MAX_PROMPTS:
            raise FeabError(f"{where}: more than {MAX_PROMPTS} prompts; the column prompt holds their names")
        self._first_draw = min(self._first_draw, prediction.draw)
        self._last_draw = max(self._last_draw, prediction.draw)
        if prediction.outcome is Outcome.ERROR:
            self._failed.add(key_number(prediction.key))
            self._notes["failed"].add(prediction.sample)
        self._understood[prediction.task] += prediction.outcome is Outcome.OK
        return True

    def _remark(self, meant: Meant, prediction: Prediction) -> None:
        if meant.label and meant.answer.value is None:
            self._unreadable[prediction.task] += 1
            self._notes["unreadable"].add(meant.text)
        for au in sorted(meant.lacking):
            self._notes["lacking"].add(f"AU {au}")

    def finish(self, *, fill: bool) -> Noted:
        """The answers that are missing; with `fill`, each is written as one that could not be read.

        Raises:
            FeabError: when nothing was taken in, or nothing of a task could be read.
        """
        self._check()
        missing = Noted("answers are missing from the file")
        absent = (p for part in self.parts() for p in self._absent(part))
        if fill:
            for prediction in absent:
                missing.add(self._called(prediction))
                self._journal.append([prediction])
        else:
            for prediction in islice(absent, SHOWN):
                missing.add(self._called(prediction))
            missing.count = sum(part.expected for part in self.parts()) - len(self._journal) - len(self._failed)
        return missing

    def _absent(self, part: Part) -> Iterator[Prediction]:
        """What a complete run would have beside what was taken in, as answers that could not be read."""
        for prompt in part.prompts:
            for sample in part.ids:
                for draw in range(part.draws):
                    key = (part.task.name, sample, prompt, draw)
                    if key not in self._journal and key_number(key) not in self._failed:
                        yield Prediction(
                            task=part.task.name,
                            sample=sample,
                            prompt=prompt,
                            draw=draw,
                            text="",
                            outcome=Outcome.UNPARSABLE,
                        )

    def _called(self, prediction: Prediction) -> str:
        return prediction.sample if len(self._parts) == 1 else f"{prediction.sample} ({prediction.task})"

    def _check(self) -> None:
        if not self.rows:
            raise FeabError("the file holds no row")
        if not len(self._journal) and not len(self._failed):
            ids = next(iter(self._parts.values())).ids
            reasons = "; ".join(f"{n.count:,} {n.what}: {', '.join(n.first[:3])}" for n in self.notes())
            raise FeabError(
                f"nothing to import from {self.rows:,} rows: {reasons}. Ids of the data look like {ids[0]!r}"
            )
        for task, count in self._unreadable.items():
            if not self._understood[task]:
                shown = ", ".join(self._notes["unreadable"].first[:5])
                raise FeabError(
                    f"none of the {count:,} answers to task {task} can be read ({shown}); it takes "
                    f"{_takes(self._parts[task].task)}"
                )
        if self._first_draw:
            raise FeabError(f"draws are counted from 0, but the smallest here is {self._first_draw}; renumber them")


def _takes(task: Task) -> str:
    if task.kind == "expression":
        return f"one of {', '.join(task.labels)} (or an alias); texts stand in a column text"
    return "numbers from -1 to 1; rescale them" if task.kind == "valence_arousal" else "action units"


def _draw(row: Row) -> int:
    value = row.values.get("draw", 0)
    # Tables with gaps write whole numbers as 0.0.
    match = None if isinstance(value, bool) else re.fullmatch(r"\s*(\d{1,9})(?:\.0+)?\s*", str(value), re.ASCII)
    if match is None:
        raise FeabError(f"{row.where}: draw is {str(value)[:40]!r}, not a whole number from 0 on")
    return int(match[1])
