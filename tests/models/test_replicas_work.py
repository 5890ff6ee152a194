"""Replicas without Ray: how questions are shared out and settled, and what goes on inside one."""

from __future__ import annotations

import itertools
import pickle
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_vlm import ask

from feab.errors import FeabError
from feab.models import ModelInfo, load_model
from feab.models.wrappers import replicas_actor
from feab.models.wrappers.replicas import _gpus
from feab.models.wrappers.replicas_actor import LOW, Refusal, Replica, Start, without_pictures
from feab.models.wrappers.replicas_cluster import Cluster
from feab.models.wrappers.replicas_work import CHUNK, CHUNK_BYTES, DEATHS, FACE_CHUNK, Asked, Work, draws_of
from feab.records import Closed, Completion, Image, Media, Message, Option, Text, Usage


def said(question):
    return Completion(question, tuple("x" for _ in range(question.n)), ("stop",) * question.n)


# Sharing out

faces = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 3)), max_size=30)


@given(faces)
def test_chunks_hold_every_question_once_in_order_and_faces_whole(sizes):
    questions = [
        ask(face, data=b"%d" % face, prompt=f"p{number}")
        for face, (prompts, _) in enumerate(sizes)
        for number in range(prompts)
    ]
    work = Work(questions)
    chunks = []
    while not work.finished:
        chunks.append(work.chunk())
    assert [one for chunk in chunks for one in chunk] == questions
    assert all(0 < len(chunk) <= FACE_CHUNK for chunk in chunks)
    for before, after in itertools.pairwise(chunks):
        assert len(before) >= CHUNK
        assert before[-1].sample != after[0].sample or len(before) == FACE_CHUNK


def test_only_a_chunk_and_one_question_are_pulled():
    pulled = []
    work = Work(pulled.append(i) or ask(i, data=b"%d" % i) for i in range(100))
    work.chunk()
    assert len(pulled) == CHUNK + 1


def test_heavy_pictures_make_short_chunks():
    heavy = [ask(i, data=bytes([i]) * (CHUNK_BYTES // 2)) for i in range(6)]
    assert [len(Work(heavy).chunk()), len(Work(heavy[:1]).chunk())] == [2, 1]


def test_a_picture_travels_once_there_and_never_back(tmp_path):
    path = tmp_path / "face.jpg"
    path.write_bytes(bytes(range(256)) * 400)
    here = Message("user", (Image(Media(path=str(path))), Text("what?")))
    asked = [replace(ask(1, data=b"", prompt=f"p{i}"), messages=(here,)) for i in range(5)]
    (*chunk,) = Work(asked).chunk()
    assert all(one.messages[0].parts[0].media == Media(data=path.read_bytes()) for one in chunk)
    assert len(pickle.dumps(chunk)) < 102_400 + 4000
    assert len(pickle.dumps([without_pictures(said(one)) for one in chunk])) < 2500


def test_the_pictures_of_closed_questions_do_not_come_back():
    here = Message("user", (Image(Media(data=bytes(range(256)) * 400)), Text("AU12?")))
    closed = Closed("12", (here,), (Option("yes", ("yes",)), Option("no", ("no",))))
    asked = replace(ask(1, data=b""), messages=(here,), scoring="yes-no", closed=(closed,))
    (there,) = Work([asked]).chunk()
    waiting = Asked()
    waiting.add([there])
    back = without_pictures(said(there))
    assert len(pickle.dumps(back)) < 2500
    assert waiting.settle(back).question == there


def test_a_picture_that_cannot_be_read_is_the_adapters_matter(tmp_path):
    here = Message("user", (Image(Media(path=str(tmp_path / "none.jpg"))), Text("what?")))
    (one,) = Work([replace(ask(1, data=b""), messages=(here,))]).chunk()
    assert one.messages == (here,)


@pytest.mark.parametrize(
    ("nodes", "replicas", "asked", "each"),
    [
        ([0], 4, None, 0.0),
        ([1], 1, None, 1.0),
        ([1], 4, None, 0.25),
        ([8], 4, None, 1.0),
        ([2, 1], 4, None, 0.5),
        ([8, 8], 4, 4, 4),
        ([1], 10, 0.1, 0.1),
        ([0], 2, 0, 0),
        ([3, 3], 4, 2, None),
        ([2, 2], 1, 4, None),
        ([1], 3, 0.5, None),
        ([0], 1, 0.5, None),
    ],
)
def test_shares_of_gpus(nodes, replicas, asked, each):
    there = [{"Alive": True, "Resources": {"GPU": float(count)} if count else {}} for count in nodes]
    ray = SimpleNamespace(nodes=lambda: [*there, {"Alive": False, "Resources": {"GPU": 100.0}}])
    ours, joined = (Cluster(ray, "127.0.0.1:1", ours=ours, leave=lambda: None) for ours in (True, False))
    if each is not None:
        assert _gpus(ours, replicas, asked) == each
        return
    assert _gpus(joined, replicas, asked) == asked, "a cluster may grow"
    with pytest.raises(FeabError, match=f"which has {sum(nodes)} GPUs"):
        _gpus(ours, replicas, asked)


# Settling


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.data())
def test_what_is_not_settled_is_given_up_draw_by_draw(sizes, data):
    questions = [ask(i, data=b"x", n=n, first_draw=i) for i, n in enumerate(sizes)]
    asked = Asked()
    asked.add(questions)
    everything = [(one, draw) for one in questions for _, draw in draws_of(one)]
    answered = data.draw(st.sets(st.sampled_from(everything)))
    for question, draw in answered:
        bare = replace(question, messages=(), first_draw=draw, n=1)
        completion = asked.settle(said(bare))
        assert completion.question == replace(question, first_draw=draw, n=1)
        assert asked.settle(said(bare)) is None, "an answer that came before is nobody's"
    left = asked.give_up()
    assert not asked
    assert {(one.key, draw) for one in left for _, draw in draws_of(one)} == {
        (one.key, draw) for one, draw in everything if (one, draw) not in answered
    }
    assert all(one.messages for one in left)
    for one, other in itertools.pairwise(left):
        assert (one.key, one.first_draw + one.n) != (other.key, other.first_draw), "no gap, no cut"


def test_a_question_is_only_to_blame_when_it_was_alone():
    work = Work([])
    several = [ask(i, data=b"x") for i in range(3)]
    for _ in range(DEATHS + 1):
        assert work.died_over(several) == []
        assert [work.suspect() for _ in several] == several
    (error,) = work.died_over(several[:1])
    assert error.error.kind == "replica_died"
    assert work.suspect() is None
    assert work.finished


def test_a_question_has_its_chances():
    work = Work([])
    errors = []
    for _ in range(DEATHS):
        assert errors == []
        errors = work.died_over([ask(1, data=b"x")])
        assert work.finished == bool(errors)
        work.suspect()
    assert [one.error.kind for one in errors] == ["replica_died"]


# Inside


class Fake:
    """Takes questions `look_ahead` at a time, as adapters do that answer in batches."""

    def __init__(self, look_ahead=1, fails=None):
        self.info = ModelInfo("m", "fake", "1", details={"seen": 0})
        self.closed = self.closed_streams = 0
        self.gate = threading.Event()
        self.gate.set()
        self._look_ahead, self._fails = look_ahead, fails

    def generate(self, questions):
        source = iter(questions)
        try:
            while window := list(itertools.islice(source, self._look_ahead)):
                for question in window:
                    if self._fails is not None:
                        raise self._fails
                    assert self.gate.wait(30)
                    yield Completion(question, ("x",) * question.n, usage=Usage(1, 2))
        finally:
            self.closed_streams += 1

    def close(self):
        self.closed += 1


def replica(monkeypatch, model, folder):
    monkeypatch.setattr(replicas_actor, "load_model", lambda name, include, **args: model)
    made = Replica()
    assert made.load(Start("mock/x", (), {}, str(folder))).info is model.info
    return made


def drained(made, questions, *, more=False):
    report = made.exchange(questions, more, 30.0)
    found = list(report.said)
    while report.working:
        report = made.exchange((), more, 30.0)
        found += report.said
    return found, report


def test_a_stream_goes_on_over_many_chunks_and_ends_when_told(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    model = Fake(look_ahead=20)
    made = replica(monkeypatch, model, tmp_path)
    report = made.exchange([ask(i, data=b"x") for i in range(8)], True, 30.0)
    assert report.said == ()
    assert report.unread < LOW, "it has nothing to say, and wants more"
    while True:
        report = made.exchange((), True, 30.0)
        if report.unread == 0:
            break
    assert report.working
    assert report.said == ()
    assert report.details is None
    found, report = drained(made, [ask(i, data=b"x") for i in range(8, 13)])
    assert [one.question.sample for one in found] == [str(i) for i in range(13)]
    assert all(one.question.messages == () for one in found)
    assert report.details == {"seen": 0}
    assert model.closed_streams == 1
    again, _ = drained(made, [ask(99, data=b"x")])
    assert len(again) == 1
    assert model.closed_streams == 2


def test_a_refusal_is_told_and_a_mistake_is_raised(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    made = replica(monkeypatch, Fake(fails=FeabError("the key is wrong")), tmp_path)
    _, report = drained(made, [ask(1, data=b"x")])
    assert report.refusal == Refusal("the key is wrong")
    made = replica(monkeypatch, Fake(fails=ZeroDivisionError("oops")), tmp_path)
    with pytest.raises(ZeroDivisionError):
        drained(made, [ask(1, data=b"x")])
    monkeypatch.setattr(replicas_actor, "load_model", load_model)
    with pytest.raises(FeabError) as alone:
        load_model("no-such-model")
    assert Replica().load(Start("no-such-model", (), {}, str(tmp_path))) == Refusal(str(alone.value))


def test_leaving_ends_the_stream_and_a_new_one_begins_clean(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    model = Fake()
    model.gate.clear()
    made = replica(monkeypatch, model, tmp_path)
    made.exchange([ask(i, data=b"x") for i in range(8)], True, 0.01)
    threading.Timer(0.05, model.gate.set).start()
    made.leave()
    assert model.closed_streams == 1
    found, _ = drained(made, [ask(50, data=b"x")])
    assert [one.question.sample for one in found] == ["50"]
    made.close()
    assert model.closed == 1
