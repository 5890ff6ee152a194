"""Asking: lazily, each question once, every completion on disk before it counts, failures never answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from feab.errors import FeabError
from feab.journal import Journal, Progress, ask, read_predictions
from feab.journal.asking import STOP_AFTER, STOP_AFTER_TRANSIENT, STOP_SAMPLES
from feab.records import Answer, Completion, Failure, FinishReason, Message, Outcome, Question, Text, Usage
from feab.schemas import OutcomeCounts


def question(number: int, *, n: int = 1, first_draw: int = 0) -> Question:
    asked = (Message("user", (Text("Which expression?"),)),)
    return Question("faces", f"s{number}", "direct", "expression", asked, ("anger", "fear"), n=n, first_draw=first_draw)


def parse(question: Question, text: str, reason: FinishReason) -> Answer:
    if text in question.choices:
        return Answer(text, Outcome.OK, (0, len(text)))
    return Answer(None, Outcome.TRUNCATED if reason == "length" else Outcome.UNPARSABLE)


class Fake:
    """A model that answers by rule and remembers what it was asked."""

    def __init__(self, rule: Callable[[Question], Completion]) -> None:
        self.rule = rule
        self.asked: list[Question] = []
        self.closed = False

    def generate(self, questions: Iterable[Question]) -> Iterator[Completion]:
        try:
            for one in questions:
                self.asked.append(one)
                yield self.rule(one)
        finally:
            self.closed = True


def says(text: str) -> Callable[[Question], Completion]:
    return lambda q: Completion(q, (text,) * q.n, ("stop",) * q.n, Usage(5, 1), 0.1)


def fails(kind: str, message: str = "no") -> Callable[[Question], Completion]:
    return lambda q: Completion(q, error=Failure(kind, message))


def test_answers_are_written_parsed_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    texts = {"s0": "anger", "s1": "hm", "s2": "long"}
    model = Fake(lambda q: Completion(q, (texts[q.sample],), ("length" if q.sample == "s2" else "stop",), Usage(5, 1)))
    seen: list[Progress] = []

    def on_progress(progress: Progress) -> None:
        assert list(read_predictions(path))[-1] == progress.new[-1]  # on disk before it is counted
        seen.append(progress)

    with Journal(path) as journal:
        asked = ask(model, map(question, range(3)), journal, parse=parse, on_progress=on_progress)
    assert asked.asked == 3
    assert not asked.interrupted
    assert [(p.answer, str(p.outcome)) for p in read_predictions(path)] == [
        ("anger", "ok"),
        (None, "unparsable"),
        (None, "truncated"),
    ]
    assert [p.done for p in seen] == [1, 2, 3]
    assert seen[-1].outcomes == OutcomeCounts(ok=1, unparsable=1, truncated=1)
    assert (seen[-1].input_tokens, seen[-1].output_tokens) == (15, 3)
    assert model.closed


def test_questions_are_pulled_only_as_the_model_asks(tmp_path: Path) -> None:
    pulled = 0

    def questions() -> Iterator[Question]:
        nonlocal pulled
        for number in range(10):
            pulled += 1
            yield question(number)

    counts: list[int] = []
    with Journal(tmp_path / "p.jsonl") as journal:
        ask(Fake(says("fear")), questions(), journal, parse=parse, on_progress=lambda _: counts.append(pulled))
    assert counts == list(range(1, 11))


def test_only_missing_draws_are_asked_again(tmp_path: Path) -> None:
    with Journal(tmp_path / "p.jsonl") as journal:
        ask(Fake(says("fear")), [question(0, first_draw=1), question(0, first_draw=4)], journal, parse=parse)
        model = Fake(says("anger"))
        ask(model, [question(0, n=6), question(1, n=2)], journal, parse=parse)
        assert [(q.sample, q.first_draw, q.n) for q in model.asked] == [
            ("s0", 0, 1),
            ("s0", 2, 2),
            ("s0", 5, 1),
            ("s1", 0, 2),
        ]
        again = Fake(says("anger"))
        assert ask(again, [question(0, n=6), question(1, n=2)], journal, parse=parse).asked == 0
        assert again.asked == []
    assert sorted(p.draw for p in read_predictions(tmp_path / "p.jsonl") if p.sample == "s0") == [0, 1, 2, 3, 4, 5]


def test_a_failure_is_an_error_line_and_asked_again_next_time(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    with Journal(path) as journal:
        ask(Fake(fails("timeout")), [question(0, n=2)], journal, parse=parse)
        assert journal.outcomes() == OutcomeCounts(error=2)
    with Journal(path) as journal:
        ask(Fake(says("fear")), [question(0, n=2)], journal, parse=parse)
        assert journal.outcomes() == OutcomeCounts(ok=2)


@pytest.mark.parametrize(
    "completion",
    [
        lambda q: Completion(q, ("anger", "fear")),
        lambda q: Completion(q, ("anger",), probabilities={"anger": 1.2}),
    ],
)
def test_a_misbehaving_adapter_makes_errors_and_ends_nothing(
    tmp_path: Path, completion: Callable[[Question], Completion]
) -> None:
    with Journal(tmp_path / "p.jsonl") as journal:
        ask(Fake(completion), [question(0), question(1)], journal, parse=parse)
    assert [p.error.kind for p in read_predictions(tmp_path / "p.jsonl") if p.error] == ["adapter", "adapter"]


def test_text_that_utf8_cannot_hold_is_stored(tmp_path: Path) -> None:
    with Journal(tmp_path / "p.jsonl") as journal:
        ask(Fake(says("half a pair \ud83d and nul \0")), [question(0)], journal, parse=parse)
        ask(Fake(fails("bad \udc80", "\ud83d" * 3000)), [question(1)], journal, parse=parse)
    text, failed = read_predictions(tmp_path / "p.jsonl")
    assert text.text == "half a pair ? and nul \0"
    assert failed.error is not None
    assert len(failed.error.message) == 2000


@pytest.mark.parametrize(
    ("kind", "limit"), [("http_400", STOP_AFTER), ("timeout", STOP_AFTER_TRANSIENT), ("http_503", STOP_AFTER_TRANSIENT)]
)
def test_identical_failures_in_a_row_stop_the_run(tmp_path: Path, kind: str, limit: int) -> None:
    def rule(q: Question) -> Completion:
        return Completion(q, error=Failure(kind, f"request {q.sample[1:]} refused"))

    with Journal(tmp_path / "p.jsonl") as journal:
        asked = ask(Fake(rule), map(question, range(500)), journal, parse=parse)
    assert asked.stopped is not None
    assert asked.stopped.kind == kind
    assert asked.asked == limit


def test_failures_between_answers_or_of_different_kinds_do_not_stop_it(tmp_path: Path) -> None:
    def rule(q: Question) -> Completion:
        number = int(q.sample[1:])
        if number % (STOP_AFTER - 1) == 0:
            return says("fear")(q)
        return fails("http_400" if number < 100 else f"odd_{'ab'[number % 2]}")(q)

    with Journal(tmp_path / "p.jsonl") as journal:
        asked = ask(Fake(rule), map(question, range(200)), journal, parse=parse)
    assert asked.stopped is None
    assert asked.asked == 200


@pytest.mark.parametrize(("kind", "samples"), [("http_400", STOP_SAMPLES), ("image", STOP_AFTER)])
def test_pictures_that_fail_every_question_about_them_do_not_stop_it_at_once(
    tmp_path: Path, kind: str, samples: int
) -> None:
    each = STOP_AFTER  # as many prompts about each picture
    asked_about = [replace(question(number), prompt=f"p{i}") for number in range(40) for i in range(each)]
    with Journal(tmp_path / "some.jsonl") as journal:
        few = asked_about[: each * (STOP_SAMPLES - 1)]
        assert ask(Fake(fails(kind)), few, journal, parse=parse).stopped is None
    with Journal(tmp_path / "all.jsonl") as journal:
        asked = ask(Fake(fails(kind)), asked_about, journal, parse=parse)
    assert asked.stopped is not None
    assert asked.asked == each * (samples - 1) + 1


def test_ctrl_c_keeps_what_came_back_and_closes_the_model(tmp_path: Path) -> None:
    def rule(q: Question) -> Completion:
        if q.sample == "s3":
            raise KeyboardInterrupt
        return says("fear")(q)

    model = Fake(rule)
    with Journal(tmp_path / "p.jsonl") as journal:
        asked = ask(model, map(question, range(9)), journal, parse=parse)
    assert asked.interrupted
    assert asked.asked == 3
    assert model.closed
    assert len(list(read_predictions(tmp_path / "p.jsonl"))) == 3


def test_a_fatal_problem_is_passed_on_after_what_came_is_written(tmp_path: Path) -> None:
    def rule(q: Question) -> Completion:
        if q.sample == "s1":
            raise FeabError("no such model")
        return says("fear")(q)

    with Journal(tmp_path / "p.jsonl") as journal, pytest.raises(FeabError, match="no such model"):
        ask(Fake(rule), map(question, range(3)), journal, parse=parse)
    assert len(list(read_predictions(tmp_path / "p.jsonl"))) == 1
