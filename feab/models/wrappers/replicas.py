"""Around any adapter: several copies of a model, each in a process of Ray's, on this machine or on a cluster.

Questions are handed out in small chunks as replicas have room; completions come back as they are made, to the one who
asks. What a replica had under way when it died is asked again.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from feab.errors import FeabError
from feab.models.protocol import Model, ModelInfo
from feab.models.wrappers.replicas_actor import LOW, Refusal, Report, Start
from feab.models.wrappers.replicas_cluster import Cluster
from feab.models.wrappers.replicas_pool import Death, Place, Pool
from feab.models.wrappers.replicas_ray import check_address, check_installed, find_cluster
from feab.models.wrappers.replicas_work import Work
from feab.records import Completion, Failure, Question

MOST = 1024
DEATHS_IN_A_ROW = 10
"""Replicas that may die without an answer between, before asking stops: the next would die too. Our choice."""


class ReplicasLost(FeabError):  # noqa: N818
    """No replica is left, or each one that is started dies. What was answered before was handed over."""


def load_replicas(
    name: str,
    replicas: int,
    *,
    include: Sequence[str | os.PathLike[str]] = (),
    args: Mapping[str, Any] | None = None,
    address: str | None = None,
    gpus: float | None = None,
) -> Model:
    """Load a model several times, by its name, each in a process of its own; they answer as one model.

    Every machine needs the same feab, the same versions of Ray and Python, and what the model needs: its weights or
    access to them, and in its own environment the keys that its adapter reads; none is sent there.

    Args:
        name: as `feab.load_model` takes it.
        replicas: how many, 1 to 1024.
        include: folders of your own cards, which must be on every machine.
        args: adapter arguments.
        address: HOST:PORT of a Ray cluster's head, which is not loopback or a private address only with permission to
            send the faces there; "auto" for the cluster that this machine belongs to. None uses the Ray that this
            program is connected to, else starts one on this machine alone, which `close` ends.
        gpus: GPUs a replica, such as 1, 4 or 0.5; by default an equal share of those there are, 1 at the most.

    Raises:
        FeabError: when Ray is not installed, cannot be reached, has no room; or what `feab.load_model` raises.
    """
    check_replicas(replicas, address, gpus)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    each = max(1, cores // replicas)
    folders = tuple(str(Path(folder).expanduser().absolute()) for folder in include)
    start = Start(name, folders, dict(args or {}), os.getcwd())  # noqa: PTH109
    cluster = find_cluster(address, cpus=each * replicas)
    try:
        share = _gpus(cluster, replicas, gpus)
        pool = Pool(cluster, start, replicas, cpus=each if cluster.ours else 1, gpus=share)
    except BaseException:
        cluster.leave()
        raise
    try:
        pool.load()
    except BaseException:
        pool.close()
        raise
    return ReplicatedModel(pool)


def check_replicas(replicas: int, address: str | None, gpus: float | None) -> None:
    """What can be told of the arguments of `load_replicas` before anything is loaded.

    Raises:
        FeabError: for a value that cannot be, or when Ray is not installed.
    """
    if not 1 <= replicas <= MOST:
        raise FeabError(f"replicas {replicas}: must be from 1 to {MOST}")
    if gpus is not None and not (0 <= gpus < math.inf and (gpus < 1 or gpus == int(gpus))):
        raise FeabError(f"gpus_per_replica {gpus}: must be a whole number, or a share such as 0.5")
    if address is not None:
        check_address(address)
    check_installed()


class ReplicatedModel:
    """A model in several copies, which answer as one."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._details: Mapping[str, Any] = pool.info.details
        self._deaths = 0
        self._why = ""
        self._closed = False

    @property
    def name(self) -> str:
        """The model's name."""
        return self._pool.info.name

    @property
    def info(self) -> ModelInfo:
        """The model's own, with the number of replicas among the details; it is local if all of them are."""
        info, pool = self._pool.info, self._pool
        count = {"number": len(pool.places), "restarted": pool.restarts, "lost": len(pool.places) - len(pool.alive)}
        far = None if pool.near else f"ray://{pool.cluster.address}"
        return replace(
            info,
            local=info.local and pool.near,
            endpoint=info.endpoint or far,
            details={**self._details, "replicas": count},
        )

    def generate(self, questions: Iterable[Question]) -> Iterator[Completion]:
        """Ask all replicas at once; see `feab.models.Model`.

        Pulled ahead are, for each replica, what the adapter looks ahead and at most two chunks.

        Raises:
            ReplicasLost: when all replicas are lost, or one after the other dies without an answer.
            FeabError: what the model raises; or after `close`.
        """
        if self._closed:
            raise FeabError(f"{self.name} is closed")
        pool, work = self._pool, Work(questions)
        self._deaths = 0
        try:
            while True:
                self._hand_out(work)
                if work.finished and not any(place.asked or place.working for place in pool.places):
                    return
                if not pool.alive:
                    raise self._lost("all replicas are lost")
                place, answer = pool.next()
                yield from self._heard(place, answer, work)
        finally:
            if not self._closed:
                pool.leave()

    def close(self) -> None:
        """End the replicas, and the Ray that was started for them; a cluster goes on."""
        if not self._closed:
            self._closed = True
            self._pool.close()

    def _hand_out(self, work: Work) -> None:
        """Give every replica that waits for a call something to do."""
        for place in self._pool.places:
            if not place.ready:
                continue
            if place.working:
                self._go_on(place, work)
            elif (suspect := work.suspect()) is not None:
                self._pool.exchange(place, (suspect,), more=False)
            elif not work.exhausted:
                self._pool.exchange(place, work.chunk(), more=True)

    def _go_on(self, place: Place, work: Work) -> None:
        """Ask a replica that is working what it has said; hand over more, unless it was told that none comes."""
        more = not place.ending and not work.exhausted
        chunk = work.chunk() if more and place.unread < LOW else ()
        self._pool.exchange(place, chunk, more=more)

    def _heard(self, place: Place, answer: Any, work: Work) -> Iterator[Completion]:
        if place.doing in ("starting", "loading"):
            problem = self._pool.opened(place, answer)
            if problem is not None:
                self._why = problem
                self._pool.replace(place, failed=True)
        elif isinstance(answer, Death):
            yield from self._mourn(place, answer, work)
        elif isinstance(answer, Report):
            yield from self._take_in(place, answer)
        else:  # it has left what nobody wanted
            place.doing = "nothing"

    def _take_in(self, place: Place, report: Report) -> Iterator[Completion]:
        self._pool.heard(place, report)
        self._details = self._details if report.details is None else report.details
        for said in report.said:
            completion = place.asked.settle(said)
            if completion is not None:
                self._deaths = 0
                yield completion
        if isinstance(report.refusal, Refusal):
            raise FeabError(report.refusal.message)
        if not report.working:
            for question in place.asked.give_up():
                yield Completion(question, error=Failure("adapter", "the model ended without an answer to this"))

    def _mourn(self, place: Place, death: Death, work: Work) -> Iterator[Completion]:
        """Ask again what a dead replica had under way, and put another in its place."""
        self._deaths += 1
        self._why = death.why
        errors = work.died_over(place.asked.give_up())
        self._pool.replace(place, failed=False)
        yield from errors
        if self._deaths >= DEATHS_IN_A_ROW:
            raise self._lost(f"{self._deaths} replicas died one after the other without an answer")

    def _lost(self, what: str) -> ReplicasLost:
        return ReplicasLost(f"{what}: {self._why}; is there memory for all of them? With fewer replicas each has more")


def _gpus(cluster: Cluster, replicas: int, asked: float | None) -> float:
    """GPUs a replica: those asked for, else an equal share, 1 at the most.

    Raises:
        FeabError: when a Ray on this machine does not have as many; a cluster may get more.
    """
    there = [node["Resources"].get("GPU", 0.0) for node in cluster.ray.nodes() if node["Alive"]]
    if asked is None:
        total = sum(there)
        return 0.0 if not total else 1.0 / math.ceil(replicas / total)
    on_one = math.floor(1 / asked + 1e-6) if 0 < asked < 1 else 1
    fit = sum(count // asked if asked >= 1 else count * on_one for count in there) if asked else math.inf
    if cluster.ours and fit < replicas:
        raise FeabError(
            f"gpus_per_replica {asked:g}: there is room for {fit:g} such replicas on this machine, which has "
            f"{sum(there):g} GPUs; ask for fewer, or for a share such as 0.5"
        )
    return asked
