"""Which Ray holds the replicas: the program's own, a cluster that is joined, or a new one on this machine."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from feab.errors import FeabError
from feab.models.images import first_line
from feab.models.wrappers.replicas_cluster import Cluster, connected, dressed, host_of, import_ray, on_loopback
from feab.models.wrappers.replicas_local import start_ray

_CONNECT_S = 10.0


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
    return start_ray(cpus) if address is None else _joined(address)


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


def _joined(address: str) -> Cluster:
    """A cluster that is there. A token that lies where Ray looks for one is used."""
    if address != "auto":
        _check_there(address)
    named = os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH")
    given = named or Path("~/.ray/auth_token").expanduser().is_file()
    with dressed({"RAY_AUTH_MODE": os.environ.get("RAY_AUTH_MODE", "token")} if given else {}):
        ray = import_ray()
        try:
            with on_loopback() if _only_on_loopback(ray, address) else nullcontext():
                leave = connected(ray, address=address)
        except Exception as error:
            advice = (
                "it asks for a token that is not ours: set RAY_AUTH_TOKEN_PATH to the file that holds it"
                if "AuthenticationError" in f"{type(error)} {error} {error.__cause__}"
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
        _knock(host_of(address), address)
    except (OSError, UnicodeError) as error:
        raise FeabError(f"ray_address {address}: nothing answers there ({error}); is the cluster running?") from None


def _only_on_loopback(ray: ModuleType, address: str) -> bool:
    """Whether an address is 127.0.0.1, and its Ray not to be found under the name that this machine has for others."""
    if host_of(address) not in ("127.0.0.1", "localhost"):
        return False
    try:
        _knock(ray.util.get_node_ip_address(), address)
    except OSError:
        return True
    return False


def _knock(host: str, address: str) -> None:
    socket.create_connection((host, int(address.rpartition(":")[2])), _CONNECT_S).close()
