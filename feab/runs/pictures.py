"""What a model says about pictures of your own: no labels, no run folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from feab.pictures import check_picture
from feab.records import Answer, Failure, Media, Question, Sampling
from feab.runs.execute import parse_answer
from feab.runs.parts import check_kinds

if TYPE_CHECKING:
    from feab.models import Model


@dataclass(frozen=True, slots=True)
class Said:
    """A model's answer about one picture at one grain."""

    picture: Path
    question: Question
    text: str | None
    """The model's own words; None when it failed."""
    answer: Answer | None
    error: Failure | None


def ask_about(
    model: Model,
    pictures: Sequence[str | PathLike[str]],
    tasks: str | Sequence[str] = "synth",
    *,
    prompt: str = "direct",
    seed: int = 0,
    include: Sequence[str | PathLike[str]] = (),
) -> Iterator[Said]:
    """Ask a model the tasks' questions about pictures: expression, valence and arousal, action units.

    `seed` is for models that draw their answers.

    Raises:
        FeabError: for a file that is no picture, an unknown task or prompt, or a kind of question that the model does
            not answer (before the first question).
    """
    from feab.tasks import load_tasks

    paths = [Path(picture) for picture in pictures]
    for path in paths:
        check_picture(path)
    loaded = load_tasks(tasks, include=include)
    check_kinds(model.info, loaded)
    questions = [
        task.question(str(number), Media(path=str(path)), prompt, sampling=Sampling(seed=seed))
        for number, path in enumerate(paths)
        for task in loaded
    ]
    return _ask_about(model, paths, questions)


def _ask_about(model: Model, paths: Sequence[Path], questions: Sequence[Question]) -> Iterator[Said]:
    for completion in model.generate(questions):
        question, error = completion.question, completion.error
        path = paths[int(question.sample)]
        if error is not None:
            yield Said(path, question, None, None, error)
            continue
        reason = completion.finish_reasons[0] if completion.finish_reasons else "unknown"
        text = completion.texts[0]
        yield Said(path, question, text, parse_answer(question, text, reason), None)
