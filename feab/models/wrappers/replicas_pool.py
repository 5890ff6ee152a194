"""Replicas from the outside: actors of Ray that are started, called, and replaced when they die."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import feab
from feab.errors import FeabError
from feab.models.images import first_line
from feab.models.protocol import ModelInfo
from feab.models.wrappers.replicas_actor import Facts, Hello, Refusal, Replica, Report, Start, card_facts
from feab.models.wrappers.replicas_cluster import Cluster
from feab.models.wrappers.replicas_work import Asked
from feab.records import Question

START_S = 300.0
"""Seconds until a replica has its place in the cluster; loading the model comes after that."""

SILENT_S = 600.0
"""Seconds without a word, after which a replica counts as dead; it says at least once a second that it is there."""

WAIT_S = 1.0
CLOSE_S = 10.0
"""Seconds that replicas have to close their models."""

OPENINGS = 2
"""Times that a dead replica's place is filled anew without success, before it stays empty."""


@dataclass(frozen=True, slots=True)
class Death:
    """A replica is no more."""

    why: str


@dataclass(eq=False, slots=True)
class Place:
    """A place for a replica, whichever actor fills it."""

    actor: Any = None
    doing: Literal["starting", "loading", "answering", "leaving", "nothing"] | None = None
    """What it was called for; None when the place stays empty."""
    since: float = 0.0
    asked: Asked = field(default_factory=Asked)
    unread: int = 0
    working: bool = False
    ending: bool = False
    """It was told that no more questions come."""
    failures: int = 0
    """Openings in a row that failed."""

    @property
    def ready(self) -> bool:
        """Whether it waits for a call."""
        return self.doing == "nothing"

    @property
    def patience_s(self) -> float:
        """Seconds that a call may take."""
        if self.doing == "loading":
            return math.inf
        return START_S if self.doing == "starting" else SILENT_S

    def stop(self) -> None:
        """Expect nothing more of what was asked."""
        self.asked.give_up()
        self.doing, self.unread, self.working, self.ending = "nothing", 0, False, False


class Pool:
    """Places with a replica in each, and the calls under way: at most one a place."""

    def __init__(self, cluster: Cluster, start: Start, replicas: int, cpus: int, gpus: float) -> None:
        self.cluster = cluster
        self.restarts = 0
        self._ray = cluster.ray
        self._start = start
        self._card = card_facts(start.name, start.include)
        self._info: ModelInfo | None = None
        self._near = cluster.private
        self._calls: dict[Any, Place] = {}
        self._make = cluster.ray.remote(Replica).options(
            num_cpus=cpus, num_gpus=gpus, max_restarts=0, max_task_retries=0, enable_task_events=False
        )
        self.places = [Place() for _ in range(replicas)]

    @property
    def info(self) -> ModelInfo:
        """That of the model, which is the same in all replicas."""
        assert self._info is not None
        return self._info

    @property
    def near(self) -> bool:
        """Whether all replicas are on this machine or in a private network."""
        return self._near

    @property
    def alive(self) -> list[Place]:
        """The places that are not given up."""
        return [place for place in self.places if place.doing is not None]

    def load(self) -> None:
        """Fill all places.

        Raises:
            FeabError: when one cannot be filled: why the model cannot be loaded, or that it is not the same everywhere.
        """
        for place in self.places:
            self._open(place)
        while not all(place.ready for place in self.places):
            place, answer = self.next()
            problem = self.opened(place, answer)
            if problem is not None:
                raise FeabError(problem)

    def next(self) -> tuple[Place, Any]:
        """The next place that answers, and what: a `Hello`, `Facts`, `Refusal`, `Report`, None or a `Death`.

        Raises:
            Exception: what went wrong in a replica without being a death: a mistake of an adapter's.
        """
        errors = self._ray.exceptions
        while True:
            for call, place in self._calls.items():
                if time.monotonic() - place.since > place.patience_s:
                    del self._calls[call]
                    return place, Death(self._silence(place))
            ready, _ = self._ray.wait(list(self._calls), num_returns=1, timeout=WAIT_S)
            if not ready:
                continue
            place = self._calls.pop(ready[0])
            try:
                return place, self._ray.get(ready[0])
            except errors.RayTaskError as error:
                if place.doing == "starting":  # none of our code has been running yet
                    return place, Death(_why(error))
                place.stop()
                raise
            except errors.RayError as error:  # RayActorError and its family; an object lost with its machine
                return place, Death(_why(error))

    def opened(self, place: Place, answer: Any) -> str | None:
        """Take in what a place answered that is being filled; what is wrong, if it cannot be."""
        if isinstance(answer, Death):
            return answer.why
        if isinstance(answer, Refusal):
            return answer.message
        if isinstance(answer, Hello):
            if answer.version != feab.__version__:
                return (
                    f"a machine of the Ray cluster has feab {answer.version}, this one has {feab.__version__}; install "
                    "the same on all of them"
                )
            near = self.cluster.holds(answer.node)
            if self._info is not None and self._near and not near:
                return f"a replica would be started at {answer.node}, outside the network that the others are in"
            self._near = self._near and near
            self._call(place, "loading", place.actor.load.remote(self._start))
            return None
        assert isinstance(answer, Facts)
        if answer.card != self._card:
            return f"the model card of {self._start.name} is not the same on all machines; install the same feab there"
        if self._info is not None and _same(answer.info) != _same(self._info):
            return (
                f"{self._start.name} is not the same model in all replicas (revision {answer.info.revision} and "
                f"{self._info.revision}); give them the same weights and versions of libraries"
            )
        self._info = self._info or answer.info
        place.doing, place.failures = "nothing", 0
        return None

    def exchange(self, place: Place, questions: Sequence[Question], *, more: bool) -> None:
        """Hand over questions, and ask for what was answered."""
        place.asked.add(questions)
        place.working = True
        place.ending = not more
        self._call(place, "answering", place.actor.exchange.remote(questions, more, WAIT_S))

    def heard(self, place: Place, report: Report) -> None:
        """Take in how a replica stands."""
        place.doing = "nothing"
        place.unread, place.working = report.unread, report.working

    def replace(self, place: Place, *, failed: bool) -> None:
        """Put a new replica in the place of one that is dead; or none, after too many that `failed` to open."""
        self._kill(place)
        place.stop()
        place.failures += failed
        if place.failures >= OPENINGS:
            place.doing = None
            return
        self.restarts += 1
        self._open(place)

    def leave(self) -> None:
        """Have every replica stop that still works on questions: nobody wants the answers."""
        self._calls = {call: place for call, place in self._calls.items() if place.doing != "answering"}
        for place in self.places:
            if place.doing in ("answering", "nothing"):
                working = place.working
                place.stop()
                if working:
                    self._call(place, "leaving", place.actor.leave.remote())

    def close(self) -> None:
        """Close the models, end the replicas, and leave Ray."""
        try:
            calls = [
                place.actor.close.remote() for place in self.alive if place.doing in ("answering", "leaving", "nothing")
            ]
            if calls:
                self._ray.wait(calls, num_returns=len(calls), timeout=CLOSE_S)
        except self._ray.exceptions.RayError:
            pass  # dead already
        finally:
            for place in self.places:
                self._kill(place)
            self._calls.clear()
            self.cluster.leave()

    def _open(self, place: Place) -> None:
        place.actor = self._make.remote()
        self._call(place, "starting", place.actor.hello.remote())

    def _call(self, place: Place, doing: Literal["starting", "loading", "answering", "leaving"], call: Any) -> None:
        place.doing, place.since = doing, time.monotonic()
        self._calls[call] = place

    def _kill(self, place: Place) -> None:
        if place.actor is not None:
            with suppress(self._ray.exceptions.RayError, ValueError):
                self._ray.kill(place.actor, no_restart=True)
            place.actor = None

    def _silence(self, place: Place) -> str:
        if place.doing != "starting":
            return f"a replica said nothing for {SILENT_S:.0f} s"
        there, count = self._ray.cluster_resources(), len(self.places)
        return (
            f"the Ray cluster had no place for {count} replica{'s' * (count > 1)} within {START_S:.0f} s (it has "
            f"{there.get('CPU', 0):g} processors and {there.get('GPU', 0):g} GPUs); ask for fewer replicas, or for "
            "fewer GPUs a replica"
        )


def _why(error: Exception) -> str:
    if "No module named 'feab" in str(error):
        return (
            "feab is not installed where the replicas would be; install the same on every machine of the cluster, or "
            "submit the run to it with a runtime_env that does"
        )
    return f"a replica died ({first_line(error)})"


def _same(info: ModelInfo) -> tuple[Any, ...]:
    """What must be equal for two replicas to give the same answers."""
    arguments = dict(info.args_that_change_answers)
    return (info.name, info.adapter, info.adapter_version, info.revision, arguments, info.endpoint, info.local)
