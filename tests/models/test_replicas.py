"""Replicas on a real Ray: what is lost when one dies, which is nothing, and what is asked twice, which is nothing."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from types import ModuleType

import pytest
from tiny_vlm import ask, by_key

import feab
from feab.errors import FeabError
from feab.models import Model, load_model
from feab.models.wrappers import ReplicasLost, load_replicas, replicas, replicas_pool, with_budget, with_cache
from feab.models.wrappers.replicas_actor import Facts, Replica
from feab.models.wrappers.replicas_cluster import Cluster
from feab.models.wrappers.replicas_local import SOCKET, SOCKET_LIMIT, _folder
from feab.models.wrappers.replicas_work import CHUNK
from feab.records import Completion, Image, Media, Message, Text

SCRIPT = """
answers:
  - {sample: "1*", texts: [happiness, sadness, "I cannot tell."], pick: sample, delay_s: 0.004}
  - {sample: "2*", error: {kind: timeout, message: too slow}, probability: 0.2}
  - {texts: [anger, fear, "valence: 0.1"], pick: sample, delay_s: 0.002}
"""


@pytest.fixture(autouse=True, scope="module")
def doubles(ray):
    """The classes below reach Ray's processes, which do not have this file."""
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    ray.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "answers.yaml"
    path.write_text(SCRIPT)
    return f"mock/{path}"


@pytest.fixture
def two(ray, script):
    model = load_replicas(script, 2)
    yield model
    model.close()


def questions(count, **more):
    return [ask(i, data=b"%d" % i, **more) for i in range(count)]


def told(completions):
    """What each answer or error is, by its key; no key twice."""
    return {
        key: (one.texts, one.finish_reasons, one.error, one.usage, one.question.messages)
        for key, one in by_key(completions).items()
    }


def kill(model, place=0):
    pid = model._pool._ray.get(model._pool.places[place].actor.hello.remote()).pid
    os.kill(pid, signal.SIGKILL)


def test_a_replica_killed_half_way_costs_no_answer(two, script):
    asked = questions(240)
    alone = told(load_model(script).generate(asked))
    assert isinstance(two, Model)
    found = []
    for number, completion in enumerate(two.generate(iter(asked))):
        found.append(completion)
        if number == 80:
            kill(two)
    assert len(found) == 240
    assert told(found) == alone
    assert two.info.details["replicas"] == {"number": 2, "restarted": 1, "lost": 0}
    assert told(two.generate(asked)) == alone, "the one that came instead works as well"


def test_both_answer_and_the_model_is_the_same(two, script):
    alone = load_model(script)
    assert replace(two.info, details={}) == replace(alone.info, details={})
    assert two.name == alone.name
    assert {**alone.info.details, "replicas": {"number": 2, "restarted": 0, "lost": 0}} == two.info.details
    shares = [0, 0]
    for completion in two.generate(questions(100)):
        del completion
        for number, place in enumerate(two._pool.places):
            shares[number] += bool(place.asked)
    assert min(shares) > 10


class Deadly(Replica):
    """Its process dies over samples whose name begins with 66."""

    def load(self, start):
        found = super().load(start)
        inner = self._model

        class Poisoned:
            info = inner.info

            def generate(self, questions):
                for question in questions:
                    if question.sample.startswith("66"):
                        os._exit(1)
                    yield from inner.generate([question])

            def close(self):
                pass

        self._model = Poisoned()
        return found


def test_a_question_that_kills_every_replica_becomes_an_error(ray, script, monkeypatch):
    monkeypatch.setattr(replicas_pool, "Replica", Deadly)
    model = load_replicas(script, 2)
    asked = [ask(i, data=b"x") for i in range(10, 90)]
    found = told(model.generate(asked))
    alone = told(load_model(script).generate(asked))
    poisoned = ("t_expression", "66", "direct", 0)
    assert found[poisoned][2].kind == "replica_died"
    assert {**found, poisoned: None} == {**alone, poisoned: None}
    assert model.info.details["replicas"]["restarted"] == 3
    model.close()


def test_questions_that_all_kill_end_the_asking(ray, script, monkeypatch):
    monkeypatch.setattr(replicas_pool, "Replica", Deadly)
    monkeypatch.setattr(replicas, "DEATHS_IN_A_ROW", 3)
    model = load_replicas(script, 2)
    asked = [*questions(40), *(ask(f"66-{i}", data=b"x") for i in range(30))]
    found = []
    with pytest.raises(ReplicasLost, match=r"3 replicas died one after the other without an answer"):
        found.extend(model.generate(asked))
    assert 16 <= len(by_key(found)) == len(found) <= 40, "what was under way with a deadly one may be among the rest"
    model.close()


class Unstable(Replica):
    """Dies when it is loaded a third time, as on a machine whose memory is full."""

    def load(self, start):
        path = start.name.removeprefix("mock/") + ".loaded"
        with open(path, "a") as file:  # noqa: PTH123
            file.write("x")
        if os.path.getsize(path) > 2:  # noqa: PTH202
            os._exit(1)
        return super().load(start)


def test_places_that_cannot_be_filled_again_stay_empty(ray, script, monkeypatch):
    monkeypatch.setattr(replicas_pool, "Replica", Unstable)
    model = load_replicas(script, 2)
    found = []
    asked = questions(120)
    for number, completion in enumerate(model.generate(asked)):
        found.append(completion)
        if number == 20:
            kill(model)
    assert told(found) == told(load_model(script).generate(asked)), "the other one did all"
    stream = model.generate(asked)
    next(stream)
    kill(model, 1)
    with pytest.raises(ReplicasLost, match="all replicas are lost: a replica died"):
        list(stream)
    model.close()


def test_a_replica_that_says_nothing_is_given_up(two, script, monkeypatch):
    monkeypatch.setattr(replicas_pool, "SILENT_S", 4.0)
    asked = questions(200)
    pid = two._pool._ray.get(two._pool.places[0].actor.hello.remote()).pid
    found = []
    for number, completion in enumerate(two.generate(asked)):
        found.append(completion)
        if number == 20:
            os.kill(pid, signal.SIGSTOP)
    assert told(found) == told(load_model(script).generate(asked))


def test_memory_is_bounded_whoever_looks_ahead(ray, script):
    pulled = 0

    def watched():
        nonlocal pulled
        for question in questions(600):
            pulled += 1
            yield question

    model = load_replicas(script, 2, args={"look_ahead": 20})
    most = 0
    for handed, _ in enumerate(model.generate(watched()), start=1):
        most = max(most, pulled - handed)
    assert handed == 600
    assert most <= 2 * (20 + 2 * CHUNK) + 2, most
    model.close()


def test_no_question_no_answer_and_a_stream_that_is_left(two):
    assert list(two.generate([])) == []
    for _ in range(2):
        stream = two.generate(questions(500))
        next(stream)
        stream.close()
    assert len(by_key(two.generate(questions(30)))) == 30


class ByDraw(Replica):
    """Hands the draws of a question back one by one, the last one first."""

    def load(self, start):
        found = super().load(start)
        inner = self._model

        class Splits:
            info = inner.info

            def generate(self, questions):
                for question in questions:
                    for draw in reversed(range(question.first_draw, question.first_draw + question.n)):
                        yield Completion(replace(question, n=1, first_draw=draw), (f"{draw}",), ("stop",))

            def close(self):
                pass

        self._model = Splits()
        return found


def test_draws_may_come_one_by_one(ray, script, monkeypatch):
    monkeypatch.setattr(replicas_pool, "Replica", ByDraw)
    model = load_replicas(script, 2)
    found = by_key(model.generate(questions(20, n=3, first_draw=2)))
    assert sorted(key[3] for key in found) == sorted([2, 3, 4] * 20)
    assert all(one.texts == (str(key[3]),) and one.question.messages for key, one in found.items())
    model.close()


class Broken(Replica):
    """Refuses, or has a mistake in it."""

    def load(self, start):
        found = super().load(start)
        inner = self._model

        class Refuses:
            info = inner.info

            def generate(self, questions):
                yield from inner.generate([next(questions)])
                raise (
                    FeabError("the server refuses the key") if start.args["seed"] == 1 else ZeroDivisionError("oops")
                )

            def close(self):
                pass

        self._model = Refuses()
        return found


def test_a_feab_error_arrives_as_it_was_said_and_a_mistake_with_its_trace(ray, script, monkeypatch):
    with pytest.raises(FeabError) as alone:
        load_model(script, wrong=1)
    with pytest.raises(FeabError) as caught:
        load_replicas(script, 2, args={"wrong": 1})
    assert str(caught.value) == str(alone.value)
    monkeypatch.setattr(replicas_pool, "Replica", Broken)
    refusing = load_replicas(script, 2, args={"seed": 1})
    found = []
    with pytest.raises(FeabError) as refused:
        found.extend(refusing.generate(questions(30)))
    assert str(refused.value) == "the server refuses the key"
    assert type(refused.value) is FeabError
    with pytest.raises(FeabError, match="refuses the key"):
        list(refusing.generate(questions(30)))
    refusing.close()
    mistaken = load_replicas(script, 1, args={"seed": 2})
    for _ in range(2):
        with pytest.raises(ZeroDivisionError, match="oops"):
            list(mistaken.generate(questions(30)))
    mistaken.close()
    with pytest.raises(FeabError, match="is closed"):
        next(mistaken.generate(questions(1)))


class Other(Replica):
    """Has other weights each time."""

    def load(self, start):
        found = super().load(start)
        return Facts(replace(found.info, revision=f"sha256:{os.getpid()}"), found.card)


def test_another_feab_other_weights_or_another_card_elsewhere_are_refused(ray, script, monkeypatch, tmp_path):
    with monkeypatch.context() as patched:
        patched.setattr(feab, "__version__", "9.9")
        with pytest.raises(FeabError, match=rf"the Ray cluster has feab {feab.__version__.replace('9.9', '')}"):
            load_replicas(script, 1)
    with monkeypatch.context() as patched:
        patched.setattr(replicas_pool, "Replica", Other)
        with pytest.raises(FeabError, match=r"not the same model in all replicas \(revision sha256"):
            load_replicas(script, 2)
    with monkeypatch.context() as patched:
        patched.setattr(replicas_pool, "card_facts", lambda name, include: ("another",))
        with pytest.raises(FeabError, match=r"card of .* is not the same on all machines"):
            load_replicas(script, 1)


def test_a_cluster_without_feab_is_told(ray, script, monkeypatch):
    absent = ModuleType("feab_of_this_machine_only")
    absent.Replica = Replica
    exec("class Absent(Replica):\n    pass", vars(absent))
    monkeypatch.setitem(sys.modules, absent.__name__, absent)
    monkeypatch.setattr(replicas_pool, "Replica", absent.Absent)
    with pytest.raises(FeabError, match="feab is not installed where the replicas would be"):
        load_replicas(script, 1)


def test_replicas_elsewhere_are_not_local(ray, script, monkeypatch):
    monkeypatch.setattr(Cluster, "holds", lambda cluster, host: False)
    model = load_replicas(script, 1)
    assert model.info.local is False
    assert model.info.endpoint == f"ray://{ray.get_runtime_context().gcs_address}"
    model.close()


def test_a_cluster_without_room_is_told(ray, script, monkeypatch):
    monkeypatch.setattr(replicas_pool, "START_S", 1.0)
    with pytest.raises(FeabError, match=r"no place for 1 replica within 1 s \(it has 8 processors and 0 GPUs\)"):
        load_replicas(script, 1, gpus=4)


def test_cache_and_budget_stand_around_replicas(two, tmp_path):
    from feab.models import Price

    cached = with_cache(two, tmp_path / "cache")
    assert len(by_key(cached.generate(questions(50)))) == 50
    again = by_key(cached.generate(questions(60)))
    assert len(again) == 60
    hits = cached.info.details["cache"]["hits"]
    assert hits == sum(one.usage.input_tokens == 0 for one in again.values()) > 30
    assert cached.info.details["replicas"]["number"] == 2
    bounded = with_budget(two, Price(input=1.0, output=1.0), 100.0, image_tokens=10)
    assert len(by_key(bounded.generate(questions(50)))) == 50


def test_the_embedded_model_answers_the_same_from_files_too(ray, tmp_path):
    path = tmp_path / "face.jpg"
    path.write_bytes(ask(3).messages[0].parts[0].media.data)
    in_files = [
        replace(ask(name, data=b""), messages=(Message("user", (Image(Media(path=str(where))), Text("what?"))),))
        for name, where in (("there", path), ("gone", tmp_path / "gone.jpg"))
    ]
    asked = [*(ask(i, prompt=prompt) for i in range(20) for prompt in ("direct", "json")), *in_files]
    alone = load_model("feab-tiny")
    expected = {key: (one.texts, one.error) for key, one in by_key(alone.generate(asked)).items()}
    model = load_replicas("feab-tiny", 2)
    found = {key: (one.texts, one.error) for key, one in by_key(model.generate(asked)).items()}
    assert found == expected
    assert found["t_expression", "gone", "direct", 0][1].kind == "image"
    assert replace(model.info, details={}) == replace(alone.info, details={})
    model.close()


@pytest.mark.parametrize("address", ["ray://10.0.0.5:10001", "10.0.0.5", "10.0.0.5:", ":6379", "10.0.0.5:0", "a:b"])
def test_addresses_that_cannot_be(address, script):
    with pytest.raises(FeabError, match="ray_address"):
        load_replicas(script, 1, address=address)


@pytest.mark.parametrize("gpus", [-1, 1.5, float("nan"), float("inf")])
def test_shares_of_gpus_that_cannot_be(gpus, script):
    with pytest.raises(FeabError, match="gpus_per_replica"):
        load_replicas(script, 1, gpus=gpus)


def test_a_long_cache_path_gives_way_to_a_short_one(tmp_path, monkeypatch):
    room = SOCKET_LIMIT - len(SOCKET) - len("/ray/s") - len(str(tmp_path)) - 1
    if room > 0:
        monkeypatch.setenv("FEAB_CACHE", str(tmp_path / ("x" * room)))
        assert _folder() == (tmp_path / ("x" * room) / "ray", False)
    monkeypatch.setenv("FEAB_CACHE", str(tmp_path / ("x" * max(room + 1, 1))))
    folder, temporary = _folder()
    assert temporary
    assert len(str(folder / "s") + SOCKET) <= SOCKET_LIMIT
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.rmdir()
