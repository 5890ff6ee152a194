"""A model under way is asked questions, and its answers become predictions, by the same doors as in a run."""

from __future__ import annotations

from collections.abc import Iterable

from feab.answers import parse
from feab.errors import FeabError
from feab.models import Model
from feab.records import Question
from feab.schemas import Prediction, answer_json


def predictions_of(model: Model, questions: Iterable[Question]) -> list[Prediction]:
    """What a model answers to questions of one draw each.

    Raises:
        FeabError: when the model fails on a question.
    """
    predictions = []
    for done in model.generate(questions):
        asked = done.question
        if done.error is not None:
            raise FeabError(f"the model fails on {asked.sample}: {done.error.message}")
        answer = parse(done.texts[0], asked.kind, asked.choices or None, finish_reason=done.finish_reasons[0])
        predictions.append(
            Prediction(
                task=asked.task,
                sample=asked.sample,
                prompt=asked.prompt,
                text=done.texts[0],
                answer=answer_json(answer),
                outcome=answer.outcome,
            )
        )
    return predictions
