"""Ray: one that is started for a run on this machine alone, or a cluster that is joined."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import stat
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from feab.content import cache_home
from feab.errors import FeabError
from feab.models.endpoints import is_private
from feab.models.images import first_line

SOCKET_LIMIT = 103 if sys.platform == "darwin" else 107
"""Bytes that the path of a Unix socket may have."""

SOCKET = "/session_2026-11-21_20-38-51_734680_4194304/sockets/plasma_store"
"""The longest that Ray makes in its folder."""

OBJECT_STORE_BYTES = 256 * 2**20
"""Memory for what is handed over: several chunks of pictures a replica. What is more goes to the disk."""

_CONNECT_S = 10.0


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


def find_cluster(address: str | None, cpus: int) -> Cluster:
    """The Ray that this program uses already; else the one at an address; else a new one on this machine.

    Args:
        address: host:port of a cluster's head, or "auto" for the one that this machine belongs to.
        cpus: processors of a new one, which need not be there.

    Raises:
        FeabError: when Ray is not installed, not there, or does not start.
    """
    ray = sys.modules.get("ray")
    if ray is not None and ray.is_initialized():
        return Cluster(ray, ray.get_runtime_context().gcs_address, ours=False, leave=lambda: None)
    return _started(cpus) if address is None else _joined(address)


def host_of(address: str) -> str:
    """The host in host:port, whose own colons are in brackets."""
    return address.rpartition(":")[0].strip("[]")


def check_address(address: str) -> None:
    """Whether it can be one.

    Raises:
        FeabError: when it cannot.
    """
    if address == "auto":
        return
    host, colon, port = address.rpartition(":")
    if "://" in address:
        raise FeabError(
            f"ray_address {address[:100]!r}: Ray's client is not supported; run feab on a machine of the cluster (ray "
            "start --address=HOST:PORT makes it one), and give HOST:PORT or auto"
        )
    if not (host.strip("[]") and colon and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise FeabError(f"ray_address {address[:100]!r}: write HOST:PORT, as in 10.0.0.5:6379, or auto")


def check_installed() -> None:
    """Whether Ray is there, without importing it.

    Raises:
        FeabError: when it is not.
    """
    if "ray" not in sys.modules and find_spec("ray") is None:
        raise FeabError("replicas need Ray; install it with: pip install 'feab[ray]'")


def _import() -> ModuleType:
    try:
        return import_module("ray")
    except ImportError as error:
        raise FeabError(
            f"Ray cannot be imported ({first_line(error)}); install it anew: pip install 'feab[ray]'"
        ) from None


# ------------------------------------------------------------------------------------------------- one of our own


def _started(cpus: int) -> Cluster:
    """A Ray on this machine alone: bound to loopback, with a token, without a dashboard, its files in our cache."""
    folder, temporary = _folder()
    environment = {
        # Read when Ray is imported. Where a program has done so, Ray itself turns tokens on.
        "RAY_AUTH_MODE": os.environ.get("RAY_AUTH_MODE") if "ray" in sys.modules else "token",
        "RAY_AUTH_TOKEN_PATH": str(_token(folder)),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }

    def forget() -> None:
        if temporary:
            shutil.rmtree(folder, ignore_errors=True)

    try:
        with _dressed(environment):
            ray = _import()
            _forget_token()
            with _on_loopback():
                leave = _connected(
                    ray,
                    address="local",
                    num_cpus=cpus,
                    include_dashboard=False,
                    object_store_memory=OBJECT_STORE_BYTES,
                    _temp_dir=str(folder / "s"),
                )
    except Exception as error:
        forget()
        if isinstance(error, FeabError):
            raise
        raise FeabError(f"Ray did not start ({first_line(error)}); its own words are in {folder}") from error
    session = Path(ray._private.worker._global_node.get_session_dir_path())
    address = ray.get_runtime_context().gcs_address

    def end() -> None:
        leave()
        shutil.rmtree(session, ignore_errors=True)
        forget()

    if host_of(address) != "127.0.0.1":
        end()
        raise FeabError(
            f"Ray {ray.__version__} cannot be kept to this machine alone; start one yourself (ray start --head) and "
            "name it with --ray-address"
        )
    return Cluster(ray, address, ours=True, leave=end)


def _folder() -> tuple[Path, bool]:
    """Where Ray's files go, for nobody else to read, and whether it is to be removed in the end.

    In FEAB_CACHE, unless its path is too long for Ray's sockets: then in a folder of its own where temporary files go.
    """
    folder = (cache_home() / "ray").absolute()
    if len(os.fsencode(str(folder / "s") + SOCKET)) > SOCKET_LIMIT:
        return Path(tempfile.mkdtemp(prefix="feab-ray-")), True
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)  # Ray lets everybody into what it makes inside
    except OSError as error:
        raise FeabError(f"{folder}: cannot be used for Ray's files ({error.strerror}); set FEAB_CACHE") from None
    return folder, False


def _token(folder: Path) -> Path:
    """The file with the word that Ray's processes know each other by; made once, and readable for its owner only."""
    path = folder / "token"
    with suppress(OSError):
        there = path.lstat()
        if stat.S_ISREG(there.st_mode) and there.st_uid == os.getuid() and stat.S_IMODE(there.st_mode) == 0o600:
            return path
        path.unlink()
    made = folder / f"token.{secrets.token_hex(8)}"
    try:
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
        with suppress(FileExistsError):
            os.link(made, path)  # the first of two that do so at the same time wins
        made.unlink()
    except OSError as error:
        raise FeabError(f"{path}: cannot be written ({error.strerror}); set FEAB_CACHE to a folder that can") from None
    return path


@contextmanager
def _on_loopback() -> Iterator[None]:
    """A Ray that starts within listens on 127.0.0.1, as it does on systems where it makes no clusters."""
    constants: Any = import_module("ray._private.ray_constants")
    before = constants.ENABLE_RAY_CLUSTER
    constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = before


def _forget_token() -> None:
    """Have Ray read its token anew, since it remembers one that this program used with another FEAB_CACHE."""
    with suppress(ImportError, AttributeError):
        from ray._raylet import AuthenticationTokenLoader

        AuthenticationTokenLoader.instance().reset_cache()


# ---------------------------------------------------------------------------------------------- one that is joined


def _joined(address: str) -> Cluster:
    """A cluster that is there. A token in the environment is used."""
    if address != "auto":
        _check_there(address)
    given = os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH")
    with _dressed({"RAY_AUTH_MODE": os.environ.get("RAY_AUTH_MODE", "token")} if given else {}):
        ray = _import()
        try:
            leave = _connected(ray, address=address)
        except Exception as error:
            advice = (
                "the cluster asks for a token: set RAY_AUTH_TOKEN_PATH to the file that holds it"
                if "oken" in str(error) or "nauthenticated" in str(error)
                else "is it one (ray status), with the same versions of Ray and Python, and is this machine one of it?"
            )
            raise FeabError(f"ray_address {address}: cannot be joined ({first_line(error)}); {advice}") from error
    return Cluster(ray, ray.get_runtime_context().gcs_address, ours=False, leave=leave)


def _check_there(address: str) -> None:
    """Whether anything listens at an address, which Ray would try for a minute to find out.

    Raises:
        FeabError: when nothing does.
    """
    try:
        socket.create_connection((host_of(address), int(address.rpartition(":")[2])), _CONNECT_S).close()
    except (OSError, UnicodeError) as error:
        raise FeabError(f"ray_address {address}: nothing answers there ({error}); is the cluster running?") from None


# --------------------------------------------------------------------------------------------------------- both


def _connected(ray: ModuleType, **options: Any) -> Callable[[], None]:
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
        ray.init(log_to_driver=False, logging_level="critical", **options)
    except BaseException:
        leave()
        raise
    return leave


@contextmanager
def _dressed(environment: Mapping[str, str | None]) -> Iterator[None]:
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
