"""The yardstick of feab-tiny: a plain CNN on the same train split, scored by the same scorer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from feab.records import Answer, Outcome
from feab.schemas import Prediction, TaskScores, answer_json
from feab.tasks import Task
from feab.training.pictures import Faces
from feab.training.reading import Reading, fit, loss_of, make_heads, read
from feab.training.recipe import Schedule
from feab.vocabulary import EXPRESSIONS, FEAB_17

WIDTH = 256


def train_cnn(faces: Faces, stage: Schedule, *, seed: int, log: Callable[[dict[str, Any]], None]) -> tuple[Any, Any]:
    """The CNN of `cnn.py` and its heads, trained by the same loop and augmentation as a tiny model's vision."""
    import torch

    from feab.training.cnn import build_cnn

    torch.manual_seed(seed)
    encode, heads = build_cnn(faces.pixels.shape[-1], WIDTH), make_heads(WIDTH)
    fit([encode, heads], lambda x, rows: loss_of(heads, encode(x), faces, rows), faces, stage, seed=seed, log=log)
    return encode, heads


def read_as_predictions(task: Task, faces: Faces, reading: Reading) -> list[Prediction]:
    """A network's numbers as answers to a task: likeliest label, VA as read, AUs with a probability above .5."""
    answers: list[Answer] = []
    for k in range(len(faces)):
        if task.kind == "expression":
            offered = [EXPRESSIONS.index(label) for label in task.labels]
            best = max(offered, key=lambda code: float(reading.expression[k, code]))
            answers.append(Answer(EXPRESSIONS[best], Outcome.OK))
        elif task.kind == "valence_arousal":
            answers.append(Answer((float(reading.va[k, 0]), float(reading.va[k, 1])), Outcome.OK))
        else:
            shown = (au for au, logit in zip(FEAB_17, reading.presence[k], strict=True) if logit > 0)
            answers.append(Answer(frozenset(shown) & frozenset(task.aus), Outcome.OK))
    labelled = faces.expression.tolist()
    return [
        Prediction(task=task.name, sample=i, prompt="direct", answer=answer_json(a), outcome=a.outcome)
        for i, a, code in zip(faces.ids, answers, labelled, strict=True)
        if task.kind != "expression" or code >= 0
    ]


def score_cnn(encode: Any, heads: Any, faces: Faces, tasks: Sequence[Task], labels: Any) -> dict[str, TaskScores]:
    """Scores per task of a trained network on faces whose label frame is `labels`."""
    from feab.tasks.scoring import score_task

    reading = read(encode, heads, faces.pixels)
    return {task.name: score_task(task, read_as_predictions(task, faces, reading), labels) for task in tasks}
