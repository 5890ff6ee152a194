"""A Ray that can be used: connecting to it quietly, and leaving it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from feab.errors import FeabError
from feab.models.endpoints import is_private
from feab.models.images import first_line
from feab.models.networks.quiet import quiet_loading


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Ray that can be used, and how to leave it."""

    ray: ModuleType
    address: str
    """host:port."""
    ours: bool
    leave: Callable[[], None]
    """Ends one that we started, and forgets one that we joined. Harmless when called twice."""

    @property
    def private(self) -> bool:
        """Whether its head is this machine, or in a private network."""
        return self.holds(host_of(self.address))

    def holds(self, host: str) -> bool:
        """Whether a machine is this one, as Ray calls it, or in a private network."""
        return bool(host == self.ray.util.get_node_ip_address()) or is_private(host)


def host_of(address: str) -> str:
    """The host in host:port, whose own colons are in brackets."""
    return address.rpartition(":")[0].strip("[]")


def import_ray() -> ModuleType:
    """Ray.

    Raises:
        FeabError: when what is installed is broken.
    """
    try:
        return import_module("ray")
    except ImportError as error:
        raise FeabError(
            f"Ray cannot be imported ({first_line(error)}); install it anew: pip install 'feab[ray]'"
        ) from None


def connected(ray: ModuleType, **options: Any) -> Callable[[], None]:
    """Connect quietly; how to leave again, which puts back what Ray changes in this program."""
    worker: Any = import_module("ray._private.worker")
    main = threading.current_thread() is threading.main_thread()
    on_term = signal.getsignal(signal.SIGTERM) if main else None
    spoke = getattr(worker, "_worker_logs_enabled", True)
    worker._worker_logs_enabled = False  # else a replica's death is told on stdout

    def leave() -> None:
        nonlocal on_term
        ray.shutdown()
        worker._worker_logs_enabled = spoke
        if on_term is not None:
            signal.signal(signal.SIGTERM, on_term)
            on_term = None

    try:
        with quiet_loading():  # what goes wrong is raised; its processes need not know the terminal
            ray.init(log_to_driver=False, logging_level="critical", **options)
    except BaseException:
        leave()
        raise
    return leave


@contextmanager
def on_loopback() -> Iterator[None]:
    """Within, Ray takes 127.0.0.1 for this machine's address, as it does on systems where it makes no clusters."""
    constants: Any = import_module("ray._private.ray_constants")
    before = constants.ENABLE_RAY_CLUSTER
    constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = before


@contextmanager
def dressed(environment: Mapping[str, str | None]) -> Iterator[None]:
    """The environment with some variables set, or not set (None), and as it was afterwards."""
    before = {name: os.environ.get(name) for name in environment}
    _put_on(environment)
    try:
        yield
    finally:
        _put_on(before)


def _put_on(environment: Mapping[str, str | None]) -> None:
    for name, value in environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
