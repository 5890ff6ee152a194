"""Closed questions over a chat API: one request each, of whose answer the first token alone is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from feab.models.choices import chosen
from feab.models.first_token import option_likelihoods
from feab.records import Completion, Failure, Question, Usage

NO_LOGPROBS = "logprobs"
"""The failure of a reply without log-probabilities."""


def singles(question: Question) -> list[Question]:
    """A question for each of its closed questions, as it is sent."""
    return [replace(question, messages=one.messages, closed=(one,), schema=None) for one in question.closed]


def weighed(
    question: Question,
    text: str,
    alternatives: Sequence[tuple[str, float]] | None,
    usage: Usage,
    latency_s: float,
) -> Completion:
    """What one reply says of the one closed question that it answers.

    Without probabilities where no likely token begins an option: the text, one token, then stands as it is.
    """
    if alternatives is None:
        failure = Failure(NO_LOGPROBS, "the reply holds no log-probabilities of its first token")
        return Completion(question, error=failure, usage=usage, latency_s=latency_s)
    found = option_likelihoods(question.closed[0], alternatives)
    if isinstance(found, Failure):
        return Completion(question, error=found, usage=usage, latency_s=latency_s)
    if found is None:
        return Completion(question, (text,), ("stop",), usage, latency_s)
    return chosen(question, [found], usage, latency_s)


def together(question: Question, parts: Sequence[Completion]) -> Completion:
    """The completion of a question from those of its closed questions, in their order.

    A failure of one is a failure of all. Where one was answered by no option, its text is the answer, and there are no
    probabilities.
    """
    usage = Usage(_sum([part.usage.input_tokens for part in parts]), _sum([part.usage.output_tokens for part in parts]))
    latency_s = max((part.latency_s for part in parts if part.latency_s is not None), default=None)
    for part in parts:
        if part.error is not None:
            return Completion(question, error=part.error, usage=usage, latency_s=latency_s)
    for part in parts:
        if part.likelihoods is None:
            return Completion(question, part.texts, part.finish_reasons, usage, latency_s)
    found = []
    for one, part in zip(question.closed, parts, strict=True):
        given = part.likelihoods or {}
        found.append({option.name: given[f"{one.about} {option.name}".strip()] for option in one.options})
    return chosen(question, found, usage, latency_s)


def _sum(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
