"""What a model says about pictures of your own: no labels, no run folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from feab.errors import FeabError
from feab.pictures import MAX_PICTURE, PICTURE_FORMATS
from feab.records import Answer, Failure, Media, Question, Sampling
from feab.runs.execute import parse_answer

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
        FeabError: for a file that is no picture, or an unknown task or prompt (before the first question).
    """
    from feab.tasks import load_tasks

    paths = [Path(picture) for picture in pictures]
    for path in paths:
        _check(path)
    loaded = load_tasks(tasks, include=include)
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


def _check(path: Path) -> None:
    from PIL import Image

    try:
        if path.exists() and not path.is_file():
            raise FeabError(f"{path}: not a file")  # a named pipe would never end
        if path.stat().st_size > MAX_PICTURE:
            raise FeabError(f"{path}: larger than {MAX_PICTURE // 2**20} MiB")
        with Image.open(path, formats=PICTURE_FORMATS) as image:
            image.verify()
    except OSError as error:
        raise FeabError(f"{path}: not a picture that can be read ({error.strerror or 'unknown format'})") from None
    except (SyntaxError, ValueError, Image.DecompressionBombError) as error:  # what Pillow's readers raise
        raise FeabError(f"{path}: not a picture that can be read ({error})") from None
