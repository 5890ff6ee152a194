"""Ask a model questions and write down each answer as it comes: the one client of the adapter protocol."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from pydantic import ValidationError

from feab.journal.journal import Journal
from feab.records import Answer, Completion, Failure, FinishReason, Outcome, Question, Usage
from feab.schemas import ErrorInfo, OutcomeCounts, Prediction, UsageInfo, answer_json, likelihoods_info

STOP_AFTER = 20
"""Identical failures in a row, with no answer between, after which asking stops: the next would fail too. Adapters
have retried each of them already. Without such a limit other harnesses retried one bad request for days."""

STOP_AFTER_TRANSIENT = 100
"""The same for failures that may pass by themselves (time-outs, busy or unreachable servers)."""

STOP_SAMPLES = 5
"""Samples that such a row of failures must be about, at the least: all questions about one bad picture fail alike, and
they follow each other. Failures that are said to be the picture's own (kind "image") count once a sample."""

_TRANSIENT = re.compile(r"timeout|time_out|connection|network|rate_limit|overloaded|http_(408|409|425|429|5\d\d)")

MAX_TEXT = 1_000_000
"""Characters of an answer that are kept; no answer about a face is longer."""

Parse: TypeAlias = Callable[[Question, str, FinishReason], Answer]


class Asks(Protocol):
    """What asking needs of a model: see `feab.models.Model`."""

    def generate(self, questions: Iterable[Question]) -> Iterator[Completion]:
        """One completion a question, in any order; questions are pulled as needed."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a task stands after one more completion."""

    task: str
    done: int
    """Lines of the task in the file, errors included, from this session and earlier ones."""
    outcomes: OutcomeCounts
    input_tokens: int
    """Of the whole run so far; 0 where unknown."""
    output_tokens: int
    new: tuple[Prediction, ...]
    """The lines just written."""
    cost_usd: float | None = None
    """Of the whole run so far, where whoever counts tokens knows their price."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How asking ended."""

    asked: int
    """Predictions written in this session."""
    interrupted: bool = False
    """Ctrl-C was pressed; what had come back is on disk."""
    stopped: Failure | None = None
    """The failure that came too often in a row to go on."""


def ask(
    model: Asks,
    questions: Iterable[Question],
    journal: Journal,
    *,
    parse: Parse,
    reasons: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> Asked:
    """Ask every question that has no answer in the journal, writing each completion before it is counted.

    Questions are pulled lazily, so memory does not grow with their number. A draw that is there already is not
    asked again.

    Args:
        model: whom to ask.
        questions: what; in any order.
        journal: where answers are, and where they go.
        parse: what an answer means.
        reasons: keep why each text ended, for whoever reads the texts again.
        on_progress: called after each completion that was written.

    Raises:
        FeabError: what the model raises for a fatal setup problem; what came back before is on disk.
        OSError: when the disk refuses a line.
    """
    asked = 0
    stopped: Failure | None = None
    interrupted = False
    streak = _Streak()
    completions = iter(model.generate(_pending(questions, journal)))
    try:
        for completion in completions:
            written = journal.append(_predictions(completion, parse, reasons))
            asked += len(written)
            if written and on_progress is not None:
                task = completion.question.task
                on_progress(Progress(task, *_standing(journal, task), *journal.tokens, tuple(written)))
            if streak.broken_by(completion):
                stopped = completion.error
                break
    except KeyboardInterrupt:
        interrupted = True
    finally:
        close = getattr(completions, "close", None)  # a generator stops its threads and connections here
        if close is not None:
            close()
    return Asked(asked, interrupted, stopped)


def _standing(journal: Journal, task: str) -> tuple[int, OutcomeCounts]:
    counts = journal.outcomes(task)
    return sum(counts.model_dump().values()), counts


def _pending(questions: Iterable[Question], journal: Journal) -> Iterator[Question]:
    """The questions with draws that have no answer, narrowed to each gap of consecutive draw numbers."""
    for question in questions:
        missing = [
            draw
            for draw in range(question.first_draw, question.first_draw + question.n)
            if (*question.key, draw) not in journal
        ]
        if len(missing) == question.n:
            yield question
            continue
        start = 0
        for end in range(1, len(missing) + 1):
            if end == len(missing) or missing[end] != missing[end - 1] + 1:
                yield replace(question, first_draw=missing[start], n=end - start)
                start = end


def _predictions(completion: Completion, parse: Parse, reasons: bool) -> list[Prediction]:
    """The lines of one completion: one a draw."""
    question, error, texts = completion.question, completion.error, completion.texts
    if error is None and len(texts) != question.n:
        error = Failure("adapter", f"asked for {question.n} answers, got {len(texts)}")
    if error is not None:
        return [_failed(question, draw, error, completion) for draw in range(question.n)]
    lines = []
    for draw, text in enumerate(texts):
        reason = completion.finish_reasons[draw] if draw < len(completion.finish_reasons) else "unknown"
        try:
            line = _answered(question, draw, storable(text), reason, completion, parse)
            lines.append(line.model_copy(update={"finish_reason": reason}) if reasons else line)
        except ValidationError as invalid:  # such as a probability of 1.2: one bad answer does not end a run
            first = invalid.errors(include_url=False, include_input=False)[0]
            problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            lines.append(_failed(question, draw, Failure("adapter", problem), completion))
    return lines


def _answered(
    question: Question, draw: int, text: str, reason: FinishReason, completion: Completion, parse: Parse
) -> Prediction:
    answer = parse(question, text, reason)
    return Prediction(
        task=question.task,
        sample=question.sample,
        prompt=question.prompt,
        draw=question.first_draw + draw,
        text=text,
        answer=answer_json(answer),
        outcome=answer.outcome,
        probabilities=None if completion.probabilities is None else dict(completion.probabilities),
        likelihoods=likelihoods_info(completion),
        usage=_usage(completion.usage) if draw == 0 else UsageInfo(),  # of all draws together, so that sums are right
        latency_s=completion.latency_s,
    )


def _failed(question: Question, draw: int, failure: Failure, completion: Completion) -> Prediction:
    return Prediction(
        task=question.task,
        sample=question.sample,
        prompt=question.prompt,
        draw=question.first_draw + draw,
        outcome=Outcome.ERROR,
        error=ErrorInfo(kind=storable(failure.kind)[:100], message=storable(failure.message)[:2000]),
        usage=_usage(completion.usage) if draw == 0 else UsageInfo(),  # an empty answer has its price, too
        latency_s=completion.latency_s,
    )


def _usage(usage: Usage) -> UsageInfo:
    return UsageInfo(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)


def storable(text: str) -> str:
    """The text as UTF-8 can hold it (half surrogate pairs become "?"), within `MAX_TEXT` characters."""
    return text[:MAX_TEXT].encode("utf-8", "replace").decode("utf-8")


class _Streak:
    """Failures in a row that read the same but for numbers."""

    def __init__(self) -> None:
        self._last: tuple[str, str] | None = None
        self._length = 0
        self._samples: set[str] = set()

    def broken_by(self, completion: Completion) -> bool:
        """Count one more completion; whether the row of failures has become too long."""
        failure = completion.error
        this = None if failure is None else (failure.kind, re.sub(r"\d+", "0", failure.message))
        if this is None or this != self._last:
            self._length = 0
            self._samples.clear()
        self._last = this
        if failure is None:
            return False
        self._samples.add(completion.question.sample)
        self._length = len(self._samples) if failure.kind == "image" else self._length + 1
        limit = STOP_AFTER_TRANSIENT if _TRANSIENT.search(failure.kind) else STOP_AFTER
        return self._length >= limit and len(self._samples) >= STOP_SAMPLES
