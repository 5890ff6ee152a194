"""A Ray that is started for a run: on this machine alone, with a token, its files in FEAB_CACHE."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from feab.content import cache_home
from feab.errors import FeabError
from feab.models.images import first_line
from feab.models.wrappers.replicas_cluster import Cluster, connected, dressed, host_of, import_ray, on_loopback

SOCKET_LIMIT = 103 if sys.platform == "darwin" else 107
"""Bytes that the path of a Unix socket may have."""

SOCKET = "/session_2026-11-21_20-38-51_734680_4194304/sockets/plasma_store"
"""The longest that Ray makes in its folder."""

OBJECT_STORE_BYTES = 256 * 2**20
"""Memory for what is handed over: several chunks of pictures a replica. What is more goes to the disk."""

LAST_WORDS = 100
"""Tenths of a second in which its processes may end after it was told to."""

STARTS = 3
"""Times that a start is tried: Ray gives up after 30 s, which a busy machine can take."""


def start_ray(cpus: int) -> Cluster:
    """A new Ray, bound to loopback and without a dashboard. `leave` ends it and removes its files.

    Args:
        cpus: processors that it believes to have.

    Raises:
        FeabError: when it does not start, or cannot be kept to this machine.
    """
    folder, temporary = _folder()
    environment = {
        # Read when Ray is imported. Where a program has done so, Ray itself turns tokens on.
        "RAY_AUTH_MODE": os.environ.get("RAY_AUTH_MODE") if "ray" in sys.modules else "token",
        "RAY_AUTH_TOKEN_PATH": str(_token(folder)),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }
    with dressed(environment):
        ray = import_ray()
        _forget_token()
        with on_loopback():
            leave = _started(ray, folder, cpus)
    session = Path(ray._private.worker._global_node.get_session_dir_path())
    address = ray.get_runtime_context().gcs_address

    def end() -> None:
        leave()
        # Those of starts that failed, too: Ray names a session for its time and for this process.
        for mine in [folder] if temporary else session.parent.glob(f"session_*_{os.getpid()}"):
            _remove(mine)

    if host_of(address) != "127.0.0.1":
        end()
        raise FeabError(
            f"Ray {ray.__version__} cannot be kept to this machine alone; start one yourself (ray start --head) and "
            "name it with --ray-address"
        )
    return Cluster(ray, address, ours=True, leave=end)


def _remove(folder: Path) -> None:
    """Remove a folder into which processes that are ending may still write for a moment."""
    for _ in range(LAST_WORDS):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)


def _started(ray: ModuleType, folder: Path, cpus: int) -> Callable[[], None]:
    """Start it, more than once if need be; how to leave it."""
    tried = 1
    while True:
        try:
            return connected(
                ray,
                address="local",
                num_cpus=cpus,
                include_dashboard=False,
                object_store_memory=OBJECT_STORE_BYTES,
                _temp_dir=str(folder / "s"),
            )
        except BaseException as error:
            _end_children(str(folder / "s"))
            if not isinstance(error, Exception):
                raise
            if tried == STARTS:
                raise FeabError(f"Ray did not start ({first_line(error)}); its own words are in {folder}") from error
            tried += 1


def _end_children(named: str) -> None:
    """End what a failed start leaves behind: our children with that folder among their arguments."""
    psutil: Any = import_module("psutil")  # Ray brings it
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if any(named in word for word in child.cmdline()):
                child.kill()
                child.wait(5)


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


def _forget_token() -> None:
    """Have Ray read its token anew, since it remembers one that this program used with another FEAB_CACHE."""
    with suppress(ImportError, AttributeError):
        raylet: Any = import_module("ray._raylet")
        raylet.AuthenticationTokenLoader.instance().reset_cache()
