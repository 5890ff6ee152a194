"""What the tests of annotating share: a small dataset with all labels, recipes that are quick, and models."""

from __future__ import annotations

import itertools
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "runs"))

from faces_folder import made_info, picture, rows

from feab.data import Dataset, load_dataset, write_split
from feab.generation.human import human_labels
from feab.generation.profiles import profile
from feab.generation.recipe import Recipe
from feab.generation.record import LEVELS
from feab.generation.simulated import SimulatedModel
from feab.models import ModelInfo
from feab.records import Completion, Failure, Question, Usage

PROTOTYPES = {
    "neutral": (), "happiness": (6, 12, 25), "sadness": (1, 4, 15), "surprise": (1, 2, 5, 25, 26),
    "fear": (1, 2, 4, 5, 20, 25), "disgust": (9, 10, 17), "anger": (4, 5, 7, 24), "contempt": (14,),
}  # fmt: skip


def write_faces(
    folder: Path, people: int, change: Callable[[dict[str, Any]], dict[str, Any]] = dict, *, free: bool = False
) -> Path:
    """Eight faces a person whose action units go with the expression; `change` what people say of each.

    With `free`, two more a person that have no expression.
    """

    def typical() -> Iterator[dict[str, Any]]:
        for row in rows(people):
            if row["expression"] is None and not free:
                continue
            shown = PROTOTYPES.get(row["expression"] or "neutral", ())
            units = {name: float(int(name[2:4]) in shown) for name in row if name.endswith("_presence")}
            yield change({**row, **units})

    write_split(folder, "test", typical(), made_info("allowed"))
    return folder


def without(*names: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A change that takes labels away: of columns that begin with these names."""
    return lambda row: {name: None if name.startswith(names) else value for name, value in row.items()}


def quick(**changes: Any) -> Recipe:
    """A recipe with few calibrating faces."""
    calibration = {"faces": 20, "per_expression": 2}
    stopping = {"least_labelled": 10, "most_contexts": 5, "most_knowledge": 0.5, "folds": 2, "target_error": 0.3}
    return Recipe.model_validate(
        {"name": "quick", "version": "1", "calibration": calibration, "stopping": stopping, **changes}
    )


def told(dataset: Dataset) -> SimulatedModel:
    """A simulated annotator that knows a dataset's labels, and is nearly always right."""
    labels = human_labels(dataset)
    truths = {sample: labels.given(row, LEVELS) for row, sample in enumerate(dataset.ids)}
    sure = profile(
        confusion=np.full((8, 8), 0.0025) + 0.98 * np.eye(8),
        hits=np.full(17, 0.98),
        false_alarms=np.full(17, 0.01),
        slope=(1.0, 1.0),
        face_sd=0.05,
        unreadable=0.02,
    )
    return SimulatedModel(truths, sure)


class Watched:
    """A model that counts what it is asked, and may answer otherwise: failing, late, in another order, one by one."""

    def __init__(
        self,
        inner: Any,
        answer: Callable[[int, Completion], Completion] = lambda _, completion: completion,
        *,
        gathers: int = 1,
        one_by_one: bool = False,
        info: dict[str, Any] | None = None,
    ) -> None:
        self.inner, self.answer, self.gathers, self.one_by_one = inner, answer, gathers, one_by_one
        self.info: ModelInfo = replace(inner.info, **(info or {}))
        self.name = self.info.name
        self.asked: Counter[tuple[Any, ...]] = Counter()
        self.questions: list[Question] = []
        self.streams = 0

    def generate(self, questions: Iterable[Question]) -> Iterator[Completion]:
        self.streams += 1
        source, draw = iter(questions), random.Random(self.streams)
        while gathered := list(itertools.islice(source, self.gathers)):
            draw.shuffle(gathered)
            for question in gathered:
                yield from self._answers(question)

    def _answers(self, question: Question) -> Iterator[Completion]:
        self.questions.append(question)
        parts = [question]
        if self.one_by_one:
            parts = [replace(question, n=1, first_draw=question.first_draw + k) for k in reversed(range(question.n))]
        for part in parts:
            self.asked.update((*part.key, part.first_draw + k) for k in range(part.n))
            for completion in self.inner.generate([part]):
                yield self.answer(sum(self.asked.values()), completion)

    def close(self) -> None:
        self.inner.close()


class Says:
    """A model that says what a function makes of question and draw."""

    def __init__(self, text: Callable[[Question, int], str]) -> None:
        self.text = text
        self.info = ModelInfo("says", "test", "1")
        self.name = "says"

    def generate(self, questions: Iterable[Question]) -> Iterator[Completion]:
        for question in questions:
            draws = range(question.first_draw, question.first_draw + question.n)
            texts = tuple(self.text(question, draw) for draw in draws)
            yield Completion(question, texts, ("stop",) * len(texts), Usage(100, 10))

    def close(self) -> None:
        pass


def failing(completion: Completion, kind: str = "timeout") -> Completion:
    """The same question with an error."""
    return Completion(completion.question, error=Failure(kind, "as the test wants"))


__all__ = ["Says", "Watched", "failing", "load_dataset", "picture", "quick", "told", "without", "write_faces"]
