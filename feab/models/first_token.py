"""Probabilities of labels, read from the log-probabilities of an answer's first token."""

from __future__ import annotations

import math
from collections.abc import Iterable

from feab.records import Question

TOP_LOGPROBS = 20
"""Alternatives asked for: the most that OpenAI's API and vLLM give unless told otherwise."""


def applies(question: Question) -> bool:
    """Whether the first token can tell anything about the answer: it is one of the labels."""
    return question.kind == "expression" and bool(question.choices)


def label_probabilities(
    question: Question, text: str, alternatives: Iterable[tuple[str, float]]
) -> dict[str, float] | None:
    """Probability of each label by the first token, where that is sound; else None.

    Sound is: the whole answer is one of the labels, and every alternative that counts is the beginning of exactly one
    label. Alternatives that begin several labels, or none, count for nobody, so that the sum is at most 1.

    Args:
        question: what was asked; its choices are the labels.
        text: the answer.
        alternatives: (token, natural log of its probability) for the answer's first token; each must be at most 1e-6,
            and none is read beyond the first one that is not.
    """
    labels = {label.casefold(): label for label in question.choices}
    if not applies(question) or text.strip().strip(".\"'*").casefold() not in labels:
        return None
    found = dict.fromkeys(question.choices, 0.0)
    counted = False
    for token, logprob in alternatives:
        if not -1e4 <= logprob <= 1e-6:
            return None
        start = token.strip().casefold()
        begun = [label for folded, label in labels.items() if start and folded.startswith(start)]
        if len(begun) == 1:
            found[begun[0]] += math.exp(min(logprob, 0.0))
            counted = True
    return found if counted and sum(found.values()) <= 1 + 1e-6 else None
