"""Around a model: a cache that several processes share, and a budget that is kept."""

from __future__ import annotations

import itertools
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_vlm import ask, by_key

from feab.errors import FeabError
from feab.models import Model, ModelInfo, Price
from feab.models.wrappers import AnswerStore, BudgetReached, with_budget, with_cache
from feab.models.wrappers.cache_store import Kept, answer_key
from feab.records import Completion, Failure, Message, Question, Sampling, Text, Usage

USED = Usage(100, 10)


class Fake:
    """Answers with the sample's name and the draw; counts; fails where told to."""

    def __init__(self, look_ahead=4, fails=(), usage=USED, **info):
        self.info = ModelInfo(**{"name": "m", "adapter": "fake", "adapter_version": "1", **info})
        self.asked: list[tuple] = []
        self.streams = self.closed_streams = 0
        self.pulled_ahead = 0
        self._look_ahead, self._fails, self._usage = look_ahead, fails, usage

    @property
    def name(self):
        return self.info.name

    def generate(self, questions: Iterable[Question]) -> Iterator[Completion]:
        self.streams += 1
        source = iter(questions)
        try:
            while window := list(itertools.islice(source, self._look_ahead)):
                for question in reversed(window):
                    draws = range(question.first_draw, question.first_draw + question.n)
                    self.asked += [(question.sample, draw) for draw in draws]
                    if question.sample in self._fails:
                        yield Completion(question, error=Failure("http_500", "down"))
                        continue
                    texts = tuple(f"{question.sample}/{draw}" for draw in draws)
                    reasons = ("refusal" if question.sample == "7" else "stop",) * len(texts)
                    yield Completion(question, texts, reasons, self._usage, 0.5)
        finally:
            self.closed_streams += 1

    def close(self):
        pass


def test_a_second_run_asks_only_what_failed(tmp_path):
    questions = [ask(i, data=b"%d" % i) for i in range(20)]
    first = with_cache(Fake(fails=("3", "4")), tmp_path)
    assert isinstance(first, Model)
    found = by_key(first.generate(questions))
    assert len(found) == 20
    assert sum(one.error is not None for one in found.values()) == 2
    assert first.info.details["cache"] == {"hits": 0, "misses": 20}
    first.close()
    inner = Fake()
    second = with_cache(inner, tmp_path)
    again = by_key(second.generate(questions))
    assert sorted(inner.asked) == [("3", 0), ("4", 0)]
    assert second.info.details["cache"] == {"hits": 18, "misses": 2}
    assert {key: one.texts for key, one in again.items()} == {key: (f"{key[1]}/0",) for key in found}
    seven = again["t_expression", "7", "direct", 0]
    assert seven.finish_reasons == ("refusal",), "refusals are kept: asking until it does not refuse is no measurement"
    assert seven.usage == Usage(0, 0)
    assert seven.latency_s is None


def test_draws_are_kept_one_by_one(tmp_path):
    list(with_cache(Fake(), tmp_path).generate([ask(0, n=2, first_draw=1)]))
    inner = Fake()
    found = by_key(with_cache(inner, tmp_path).generate([ask(0, n=5)]))
    assert sorted(inner.asked) == [("0", 0), ("0", 3), ("0", 4)]
    texts = {key[3] + i: text for key, one in found.items() for i, text in enumerate(one.texts)}
    assert texts == {draw: f"0/{draw}" for draw in range(5)}


def test_every_part_of_the_key_matters():
    base, info = ask(0, data=b"x"), Fake().info
    same = answer_key(info, replace(base, sample="other", task="t_va", prompt="p", n=3), 0)
    assert answer_key(info, base, 0) == same, "how we call it does not"
    image = base.messages[0].parts[0]
    others = [
        (info, base, 1),
        (info, ask(0, data=b"y"), 0),
        (info, ask(0, data=b"x", text="other words"), 0),
        (info, replace(base, messages=(Message("system", base.messages[0].parts),)), 0),
        (info, replace(base, messages=(Message("user", (image, image, Text("?"))),)), 0),
        (info, replace(base, messages=(Message("user", base.messages[0].parts[::-1]),)), 0),
        (info, replace(base, choices=("a",)), 0),
        (info, replace(base, schema={"type": "object"}), 0),
        (info, replace(base, kind="action_units"), 0),
        *((info, replace(base, sampling=Sampling(**{"max_tokens": 6, name: value})), 0)
          for name, value in (("temperature", 0.5), ("top_p", 0.5), ("max_tokens", 7), ("seed", 1))),
        *((replace(info, **{name: value}), base, 0)
          for name, value in (("name", "n"), ("adapter", "b"), ("adapter_version", "2"), ("revision", "r"),
                              ("endpoint", "http://x"), ("args_that_change_answers", {"a": 1}))),
    ]  # fmt: skip
    keys = [answer_key(*other) for other in others]
    assert len({same, *keys}) == len(keys) + 1
    assert answer_key(replace(info, local=False, details={"device": "cuda"}), base, 0) == same
    assert same.hex() == "20fce5c347a1865cbfcd064291940670df2254ddd3b7658e4ca9edd6acd65800"


def test_known_answers_wait_in_bounded_number_and_pulling_stays_lazy(tmp_path):
    questions = [ask(i, data=b"%d" % i) for i in range(2000)]
    list(with_cache(Fake(), tmp_path).generate(questions))
    pulled = 0

    def watched():
        nonlocal pulled
        for question in [ask("new", data=b"new"), *questions, ask("last", data=b"last")]:
            pulled += 1
            yield question

    inner = Fake(look_ahead=8)
    answers = with_cache(inner, tmp_path).generate(watched())
    for handed in range(1, 2003):
        next(answers)
        assert pulled - handed <= 256 + 8
    assert next(answers, None) is None
    assert inner.asked == [("new", 0), ("last", 0)]
    assert inner.streams == inner.closed_streams == 2  # no more than there was to ask


def test_leaving_the_stream_closes_the_models(tmp_path):
    inner = Fake()
    answers = with_cache(inner, tmp_path).generate([ask(i, data=b"%d" % i) for i in range(9)])
    next(answers)
    answers.close()
    assert inner.closed_streams == 1


WRITER = """
import sys
from feab.models.wrappers import AnswerStore
from feab.models.wrappers.cache_store import Kept
store = AnswerStore(sys.argv[1])
for number in range(300):
    key = (number if number % 3 == 0 else number + 1000 * int(sys.argv[2])).to_bytes(32, "big")
    store.put({key: Kept(text=f"answer {number}", finish_reason="stop")})
    assert store.get([key])[0].text == f"answer {number}"
"""


def test_several_processes_write_at_once(tmp_path):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(i)]) for i in range(1, 5)]
    assert [writer.wait(timeout=120) for writer in writers] == [0] * 4
    store = AnswerStore(tmp_path)
    assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._db.execute("SELECT count(*) FROM answers").fetchone() == (100 + 4 * 200,)
    assert store.get([(4003).to_bytes(32, "big"), (4001).to_bytes(32, "big")])[0] is None


@pytest.mark.parametrize("kind", ["garbage", "foreign", "newer", "half", "directory"])
def test_a_file_that_is_no_cache_is_refused_and_left_as_it_is(tmp_path, kind):
    path = tmp_path / "answers.sqlite"
    if kind == "garbage":
        path.write_bytes(b"not a database " * 100)
    elif kind == "directory":
        path.mkdir()
    else:
        store = AnswerStore(tmp_path)
        store.put({bytes(32): Kept(text="x" * 5000, finish_reason="stop")})
        store.close()
        with sqlite3.connect(path) as db:
            db.execute({"foreign": "PRAGMA application_id=7", "newer": "PRAGMA user_version=9"}.get(kind, "VACUUM"))
        db.close()
        if kind == "half":
            path.write_bytes(path.read_bytes()[:5000])
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(FeabError, match=r"answers\.sqlite: "):
        AnswerStore(tmp_path).get([bytes(32)])
    if before is not None:
        assert path.read_bytes() == before


def test_an_answer_that_feab_did_not_write_is_refused(tmp_path):
    model = with_cache(Fake(), tmp_path)
    list(model.generate([ask(0, data=b"0")]))
    model.close()
    with sqlite3.connect(tmp_path / "answers.sqlite") as db:
        db.execute("""UPDATE answers SET answer = '{"text": 3}'""")
    db.close()
    with pytest.raises(FeabError, match="not as feab writes them"):
        list(with_cache(Fake(), tmp_path).generate([ask(0, data=b"0")]))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(FeabError, match="cannot be used as a cache"):
        AnswerStore(tmp_path)


def test_an_answer_that_cannot_be_kept_is_handed_over_first(tmp_path, monkeypatch):
    model = with_cache(Fake(), tmp_path)

    def full(answers):
        raise FeabError("the disk is full")

    monkeypatch.setattr(model._store, "put", full)
    answers = model.generate([ask(0, data=b"0")])
    assert next(answers).texts == ("0/0",)
    with pytest.raises(FeabError, match="full"):
        next(answers)


def test_unreadable_images_are_the_adapters_matter(tmp_path):
    from feab.records import Image, Media

    gone = replace(ask(0, data=b"0"), messages=(Message("user", (Image(Media(path=str(Path("no")))),)),))
    inner = Fake()
    assert len(list(with_cache(inner, tmp_path).generate([gone]))) == 1
    assert inner.asked == [("0", 0)]


# Budget

PRICE = Price(input=10_000.0, output=100_000.0)  # dollars a million: 1 + 1 dollars a question


def test_a_budget_is_never_exceeded_and_nearly_used():
    for most in (3.5, 10.0, 37.2):
        inner = Fake(look_ahead=16)
        model = with_budget(inner, PRICE, most)
        assert isinstance(model, Model)
        answers = model.generate(ask(i, data=b"", max_tokens=10) for i in range(100))
        with pytest.raises(BudgetReached, match=rf"before \${most:.4f} would be exceeded"):
            list(answers)
        answered = len(inner.asked)
        assert 2 * answered <= most
        assert most - 2 * answered < 6.5  # what one more could cost on the safe side
        assert inner.streams == inner.closed_streams


def test_all_is_asked_when_it_fits_and_earlier_spending_counts():
    questions = [ask(i, data=b"", max_tokens=10) for i in range(10)]
    assert len(list(with_budget(Fake(), PRICE, 30.0).generate(questions))) == 10
    with pytest.raises(BudgetReached):
        list(with_budget(Fake(), PRICE, 30.0, spent_usd=20.0).generate(questions))
    inner = Fake()
    with pytest.raises(BudgetReached):
        list(with_budget(inner, PRICE, 30.0, spent_usd=30.0).generate(questions))
    assert inner.asked == []
    assert list(with_budget(inner, PRICE, 1.0).generate([])) == []


def test_an_image_of_unknown_price_is_tried_alone_unless_the_card_knows():
    questions = [ask(i, data=b"", max_tokens=10) for i in range(10)]
    inner = Fake(look_ahead=100)
    answers = with_budget(inner, PRICE, 1000.0).generate(questions)
    next(answers)
    assert inner.asked == [("0", 0)]
    assert len(list(answers)) == 9
    assert inner.streams == 2
    knows = Fake(look_ahead=100)
    next(with_budget(knows, PRICE, 1000.0, image_tokens=50).generate(questions))
    assert len(knows.asked) == 1
    assert knows.streams == 1


def test_a_server_that_does_not_count_cannot_be_kept_in_a_budget():
    questions = [ask(i, data=b"", max_tokens=10) for i in range(10)]
    with pytest.raises(FeabError, match="how many tokens were used"):
        list(with_budget(Fake(usage=Usage()), PRICE, 1000.0).generate(questions))
    silent = with_budget(Fake(usage=Usage()), PRICE, 20.0, image_tokens=50)
    with pytest.raises(BudgetReached):
        list(silent.generate(questions))  # each costs what was reserved for it


def test_errors_cost_nothing_and_teach_nothing():
    inner = Fake(fails=tuple(map(str, range(5))))
    questions = [ask(i, data=b"", max_tokens=10) for i in range(8)]
    assert len(list(with_budget(inner, PRICE, 20.0).generate(questions))) == 8


def failing(kind: str, usage: Usage) -> type[Fake]:
    class Fails(Fake):
        def generate(self, questions):
            for question in questions:
                self.asked.append((question.sample, 0))
                yield Completion(question, error=Failure(kind, "no answer"), usage=usage)

    return Fails


def test_failures_that_were_billed_count_towards_the_limit():
    questions = [ask(i, data=b"", max_tokens=10) for i in range(100)]
    counted = failing("empty", USED)()  # 2 dollars each, by what the server says
    with pytest.raises(BudgetReached):
        list(with_budget(counted, PRICE, 10.0, image_tokens=50).generate(questions))
    assert 0 < len(counted.asked) <= 5
    for kind in ("malformed", "shape", "empty", "too_large", "timeout"):  # the server may have billed it
        untold = failing(kind, Usage())()
        with pytest.raises(BudgetReached):
            list(with_budget(untold, PRICE, 20.0, image_tokens=50).generate(questions))
        assert 0 < len(untold.asked) < 10
    for kind in ("http_429", "http_500", "connection", "image"):
        assert len(list(with_budget(failing(kind, Usage())(), PRICE, 20.0, image_tokens=50).generate(questions))) == 100


def test_a_limit_of_the_users_own_is_what_an_answer_may_cost():
    questions = [ask(i, data=b"", max_tokens=1) for i in range(3)]
    with pytest.raises(BudgetReached):
        list(with_budget(Fake(max_tokens=1000), PRICE, 50.0).generate(questions))


def test_draws_that_come_one_by_one_are_settled_one_by_one():
    class Splits(Fake):
        def generate(self, questions):
            for question in questions:
                for draw in range(question.n):
                    mine = replace(question, n=1, first_draw=question.first_draw + draw)
                    yield Completion(mine, ("x",), ("stop",), Usage(100, 10) if draw == 0 else Usage(0, 0))

    model = with_budget(Splits(), PRICE, 100.0)
    assert len(list(model.generate([ask(i, data=b"", n=3, max_tokens=10) for i in range(4)]))) == 12
    assert model._account._under_way == {}
    assert model._account._spent == pytest.approx(8.0)
