"""Checking the probabilities of one line of predictions.jsonl, and that its answer is the one they make."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from feab.models.choices import PRESENT_FROM
from feab.problems import MAX_SHOWN, Problem
from feab.schemas import LikelihoodInfo, Prediction
from feab.tasks import Task
from feab.vocabulary import Kind

TOLERANCE = 1e-6
"""Difference at which two probabilities are no longer the same."""

_AGAIN = "ask this line again"


def probability_problems(prediction: Prediction, kind: Kind, task: Task | None, *, weighed: bool) -> Iterator[Problem]:
    """What is wrong with a line's probabilities and likelihoods.

    Args:
        prediction: the line.
        kind: of its task.
        task: the task, where it is known here.
        weighed: whether the run weighed options instead of generating; they then all have probabilities, which follow
            from the likelihoods, and the answer follows from them.
    """
    given, likelihoods = prediction.probabilities or {}, prediction.likelihoods or {}
    weighed = weighed and kind != "valence_arousal"
    if task is not None and (outside := [name for name in given if name not in task.options]):
        yield _fault("probabilities", f"{outside[0][:MAX_SHOWN]!r} is not among the options", "leave it out")
    total = sum(given.values())
    if kind != "action_units" and total > 1 + TOLERANCE:
        yield _fault("probabilities", f"sum to {total:.4g}, more than 1", "give them as shares of 1")
    if likelihoods and not weighed:
        yield _fault("likelihoods", "are of a run that generated its answers", "leave them out")
    if not weighed or prediction.answer is None:
        return
    if kind == "expression" and total < 1 - TOLERANCE:
        yield _fault("probabilities", f"sum to {total:.4g}, less than 1, as of a closed set they cannot", _AGAIN)
    if task is not None and not any(given.keys() >= {*asked.options} for asked in task.as_asked):
        missing = next(option for option in task.options if option not in given)
        yield _fault("probabilities", f"lack {missing!r}, which is among the options", _AGAIN)
    if given and not _makes(prediction, given, kind):
        told = str(prediction.answer)[:MAX_SHOWN]
        yield _fault("answer", f"is {told}, which is not what its probabilities make", _AGAIN)
    if (name := _unlike(given, likelihoods, kind)) is not None:
        words = f"of {name[:MAX_SHOWN]!r} do not follow from the likelihoods"
        yield _fault("probabilities", words, _AGAIN)


def _makes(prediction: Prediction, given: Mapping[str, float], kind: Kind) -> bool:
    """Whether the answer is a likeliest label, or the units that are no less likely there than not."""
    answer = prediction.answer
    if kind == "expression":
        return isinstance(answer, str) and given.get(answer, 0.0) >= max(given.values()) - TOLERANCE
    named = {str(au) for au in answer} if isinstance(answer, list) else set[str]()
    clear = {name: p for name, p in given.items() if abs(p - PRESENT_FROM) > TOLERANCE}
    return all((name in named) == (p > PRESENT_FROM) for name, p in clear.items())


def _unlike(given: Mapping[str, float], likelihoods: Mapping[str, LikelihoodInfo], kind: Kind) -> str | None:
    """A name whose probability is not what the likelihoods make; None where all are."""
    logs = {name: one.logprob for name, one in likelihoods.items()}
    for name, p in given.items():
        against = [f"{name} yes", f"{name} no"] if kind == "action_units" else list(given)
        of = against[0] if kind == "action_units" else name
        if any(one not in logs for one in against):
            return name
        top = max(logs[one] for one in against)
        total = sum(math.exp(logs[one] - top) for one in against)
        if abs(math.exp(logs[of] - top) / total - p) > TOLERANCE:
            return name
    return None


def _fault(where: str, message: str, advice: str) -> Problem:
    return Problem(Path(), message, where=where, advice=advice)
