"""From the likelihoods of options to a completion: probabilities, and the answer they make."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from feab.answers import parse
from feab.records import Closed, Completion, FinishReason, Likelihood, Option, Question, Usage

LEAST = -9999.0
"""Stands for the log of a probability of zero."""

PRESENT_FROM = 0.5
"""Probability from which an action unit counts as displayed: no threshold is tuned."""


def weighs_lists(question: Question) -> bool:
    """Whether a question is answered by weighing lists around the one that the model writes."""
    return question.scoring == "choices" and question.kind == "action_units" and not question.closed


def around(question: Question, text: str) -> Question:
    """The question about action units with closed sets around an answer: for each unit the list with it and without.

    Units stand in the order that the prompt shows, in the form that it asks for. An answer that cannot be read counts
    as a list of none.
    """
    read = parse(text, "action_units", question.choices)
    named = {str(au) for au in read.value} if isinstance(read.value, frozenset) else set[str]()
    closed = tuple(
        Closed(
            au,
            question.messages,
            (Option("yes", (_list(question, named | {au}),)), Option("no", (_list(question, named - {au}),))),
            ends=True,
        )
        for au in question.choices
    )
    return replace(question, closed=closed)


def _list(question: Question, named: Collection[str]) -> str:
    units = [au for au in question.choices if au in named]
    if question.schema is not None:
        return json.dumps({"action_units": [int(au) for au in units]})
    return ", ".join(units) or "none"


def added(written: Completion, weighed: Completion) -> Completion:
    """The completion of a question whose lists were weighed around the answer `written`: what both took together."""
    tokens = (written.usage.input_tokens or 0) + (weighed.usage.input_tokens or 0)
    usage = Usage(tokens, written.usage.output_tokens)
    seconds = (written.latency_s or 0.0) + (weighed.latency_s or 0.0)
    return replace(weighed, question=written.question, usage=usage, latency_s=seconds)


def likelihood(option: Option, scores: Mapping[str, tuple[float, int]]) -> Likelihood:
    """Of an option in any of its spellings.

    `scores`: spelling -> the sum of its tokens' log-probabilities, and how many they are. Spellings exclude each other,
    so their probabilities add up; the number of tokens is the likeliest's.
    """
    found = [scores[spelling] for spelling in option.spellings]
    best, tokens = max(found)
    if best <= LEAST:
        return Likelihood(LEAST, tokens)
    total = best + math.log(sum(math.exp(logprob - best) for logprob, _ in found))
    return Likelihood(min(total, 0.0), tokens)


def shares(logs: Iterable[float]) -> list[float]:
    """Probabilities in proportion to e to the power of each, summing to 1."""
    given = list(logs)
    top = max(given)
    weights = [math.exp(log - top) for log in given]
    return [weight / sum(weights) for weight in weights]


def chosen(
    question: Question,
    found: Sequence[Mapping[str, Likelihood]],
    usage: Usage | None = None,
    latency_s: float | None = None,
) -> Completion:
    """The completion of a closed question.

    The probability of an option is its likelihood divided by that of all options: the chance of this answer, given that
    it is one of them. It rests on the raw log-likelihoods, which are of events that exclude each other; the
    length-normalised ones follow from what `likelihoods` holds, logprob / tokens. (Our choice.)

    Args:
        question: what was asked; with action units it has one closed question each, of two options, present first.
        found: for each closed question, option -> likelihood.
        usage: tokens taken.
        latency_s: seconds it took.
    """
    kept: dict[str, Likelihood] = {}
    probabilities: dict[str, float] = {}
    for one, of_options in zip(question.closed, found, strict=True):
        names = [option.name for option in one.options]
        share = shares(of_options[name].logprob for name in names)
        if one.about:
            probabilities[one.about] = share[0]
            kept |= {f"{one.about} {name}": of_options[name] for name in names}
        else:
            probabilities |= dict(zip(names, share, strict=True))
            kept |= {name: of_options[name] for name in names}
    stop: FinishReason = "stop"
    return Completion(
        question,
        texts=(_text(question, probabilities),) * question.n,
        finish_reasons=(stop,) * question.n,
        usage=usage or Usage(),
        latency_s=latency_s,
        probabilities=probabilities,
        likelihoods=kept,
    )


def _text(question: Question, probabilities: Mapping[str, float]) -> str:
    """The likeliest label (of equals the first shown), or the units that are no less likely there than not."""
    if question.kind == "expression":
        return max(probabilities, key=probabilities.__getitem__)
    there = sorted(int(au) for au, p in probabilities.items() if p >= PRESENT_FROM)
    return ", ".join(map(str, there)) or "none"
