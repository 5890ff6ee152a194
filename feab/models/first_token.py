"""Probabilities of labels and of options, read from the log-probabilities of an answer's first token."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from feab.models.choices import LEAST
from feab.records import Closed, Failure, Likelihood, Question

TOP_LOGPROBS = 20
"""Alternatives asked for: the most that OpenAI's API and vLLM give unless told otherwise."""

MOST_SHARED = 0.01
"""Share of the first token's probability that may go to beginnings of several options at once (our choice)."""


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
    begun = _begun({label: (label,) for label in question.choices}, alternatives)
    if begun is None:
        return None
    found = dict.fromkeys(question.choices, 0.0)
    for names, probability in begun:
        if len(names) == 1:
            found[names[0]] += probability
    counted = any(len(names) == 1 for names, _ in begun)
    return found if counted and sum(found.values()) <= 1 + 1e-6 else None


def option_likelihoods(
    closed: Closed, alternatives: Iterable[tuple[str, float]]
) -> dict[str, Likelihood] | Failure | None:
    """Likelihood of each option by the first token alone; None where no alternative begins any.

    An option's probability is that of all alternatives that begin it and no other. One that none begins is less likely
    than all that are shown, and counts as impossible. A failure (`logprobs`, `ambiguous`) says why nothing can be told:
    alternatives that begin several options are more than `MOST_SHARED` of those that begin any.

    Args:
        closed: the question and its options.
        alternatives: (token, natural log of its probability) for the answer's first token.
    """
    begun = _begun({option.name: option.spellings for option in closed.options}, alternatives)
    if begun is None or sum(probability for _, probability in begun) > 1 + 1e-6:
        return Failure("logprobs", "what it gives as log-probabilities of the first token are none")
    if not begun:
        return None
    shared = {names: probability for names, probability in begun if len(names) > 1}
    if sum(shared.values()) > MOST_SHARED * sum(probability for _, probability in begun):
        alike = " and ".join(max(shared, key=shared.__getitem__)[:3])
        return Failure("ambiguous", f"{alike} begin with the same token, and cannot be told apart by the first alone")
    found = dict.fromkeys((option.name for option in closed.options), 0.0)
    for names, probability in begun:
        if len(names) == 1:
            found[names[0]] += probability
    return {name: Likelihood(math.log(p) if p > 0 else LEAST, 1) for name, p in found.items()}


def _begun(
    spellings: Mapping[str, Sequence[str]], alternatives: Iterable[tuple[str, float]]
) -> list[tuple[tuple[str, ...], float]] | None:
    """For each alternative that begins any: the names of those it begins, and its probability.

    Whatever the case. None when something is no log-probability.
    """
    folded = {name: [spelling.casefold() for spelling in several] for name, several in spellings.items()}
    found = []
    for token, logprob in alternatives:
        if not -1e4 <= logprob <= 1e-6:
            return None
        start = token.strip().casefold()
        names = tuple(name for name, several in folded.items() if any(one.startswith(start) for one in several))
        if start and names:
            found.append((names, math.exp(min(logprob, 0.0))))
    return found
