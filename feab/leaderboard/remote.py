"""Submitting to a leaderboard that runs elsewhere, through the API of its app.

gradio_client would send the Hugging Face token that is saved on this machine to whatever address it is given; here it
is told to send none. The only token that travels is the one made for the leaderboard.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from feab.errors import FeabError
from feab.leaderboard.told import Told
from feab.packages import version_of
from feab.runs.names import is_repository

SPACE = "hf://spaces/"
TOKEN = "FEAB_LEADERBOARD_TOKEN"  # noqa: S105 - the name of the variable
"""The environment variable that holds it: what stands on a command line, other users of the machine can read."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SEASON_SET = re.compile(r"synth-[0-9]{4}-[a-z0-9]{1,20}")
_MAX_SEASON = 2**30
_PAUSE_S = 0.2
_TIMEOUT_S = 60.0
_LONGEST = 2_000
"""Characters of a complaint of the other side that are shown."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a submission is."""

    what: str
    """In a word or two: "connecting", "sending", "waiting", "checking"."""
    done: int = 0
    total: int = 0
    """Answers checked; 0 where nothing is counted."""


OnStage = Callable[[Stage], None]


@dataclass(frozen=True, slots=True)
class Address:
    """A leaderboard's address: what gradio_client takes, and whether it is this machine."""

    source: str
    local: bool


def address_of(to: str) -> Address | None:
    """The address that `--to` gives: `https://…`, `http://` on this machine, `hf://spaces/OWNER/NAME`; else None.

    Raises:
        FeabError: for http:// to another machine, over which a token would travel in the clear, and for odd names.
    """
    if to.startswith(SPACE):
        name = to.removeprefix(SPACE)
        if not is_repository(name):
            raise FeabError(f"{to[:200]!r} is no Space; write {SPACE}OWNER/NAME")
        return Address(name, local=False)
    if not to.startswith(("http://", "https://")):
        return None
    try:
        parts = urlsplit(to)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise FeabError(f"{to[:200]!r} is no address") from None
    local = host in _LOOPBACK
    if not host or parts.username or parts.password or parts.query or parts.fragment:
        raise FeabError(f"{to[:200]!r}: give the address alone, such as https://HOST or http://127.0.0.1:7860")
    if parts.scheme == "http" and not local:
        raise FeabError(f"{to}: the token would travel unencrypted; use https://")
    return Address(to, local)


def submit_to(
    address: Address, archive: bytes, *, user: str, token: str, on_stage: OnStage | None = None
) -> tuple[Told, str]:
    """Send a submission and wait for what becomes of it.

    Args:
        address: of the leaderboard's app.
        archive: the zip, as `Packed.zipped` makes it.
        user: under which name; a Space goes by the account that the token belongs to.
        token: what proves it.
        on_stage: called whenever it may be somewhere else.

    Returns:
        What became of it, and the address where it can be seen.

    Raises:
        FeabError: when gradio_client is not installed, nobody answers there, or what answers is no such leaderboard,
            does not know the user, or has no attempt left.
    """
    show = on_stage or (lambda stage: None)
    show(Stage("connecting"))
    with _told(address.source), tempfile.TemporaryDirectory(prefix="feab-sent-") as made:
        client = _client(address.source, downloads=False)
        try:
            from gradio_client import handle_file

            _check_about(client.predict(api_name="/about"), address.source, takes=True)
            file = Path(made) / "submission.zip"
            file.write_bytes(archive)
            show(Stage("sending"))
            job = client.submit(handle_file(file), user, token, api_name="/submit")
            while not job.done():
                show(_stage(job.status()))
                time.sleep(_PAUSE_S)
            told = Told.model_validate(job.result())
        finally:
            client.close()
    return told, f"{client.src.rstrip('/')}/{'' if not told.link else f'?{told.link}'}"


def fetch_season(address: Address, name: str, out: Path, *, on_stage: OnStage | None = None) -> Path:
    """Fetch the faces of a season.

    Args:
        address: of the leaderboard's app.
        name: of the season, such as "2027-1".
        out: the folder that its folder is put into.
        on_stage: called whenever something else is being done.

    Returns:
        The dataset's folder: `feab run --data` takes it.

    Raises:
        FeabError: when there is no such season, its folder is there already, or what comes is no set of faces.
    """
    show = on_stage or (lambda stage: None)
    show(Stage("connecting"))
    with _told(address.source), tempfile.TemporaryDirectory(prefix="feab-season-") as made:
        client = _client(address.source, made)
        try:
            _check_about(client.predict(api_name="/about"), address.source, takes=False)
            show(Stage("fetching"))
            found = client.predict(name, api_name="/season")
        finally:
            client.close()
        path = Path(found if isinstance(found, str) else str(found["path"]))
        return unpack_season(path, out)


def unpack_season(path: Path, out: Path) -> Path:
    """Unpack the zip of a season: two files in a folder that bears the name of their set.

    Raises:
        FeabError: when it holds anything else, or the folder is there already.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            folder = infos[0].filename.partition("/")[0] if infos else ""
            right = [f"{folder}/dataset.json", f"{folder}/test.parquet"]
            if [info.filename for info in infos] != right or not _SEASON_SET.fullmatch(folder):
                raise FeabError(f"{path.name}: is no season's set of faces")
            if sum(info.file_size for info in infos) > _MAX_SEASON:
                raise FeabError(f"{path.name}: holds more than {_MAX_SEASON:,} bytes")
            place = out.expanduser() / folder
            if place.exists():
                raise FeabError(f"{place}: is there already")
            place.mkdir(parents=True)
            for info in infos:
                (place / Path(info.filename).name).write_bytes(archive.read(info))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise FeabError(f"{path.name}: cannot be unpacked ({type(error).__name__})") from None
    return place


def _client(source: str, downloads: str | bool) -> Any:
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # the only way by which the client is told to tell nobody
    from gradio_client import Client

    return Client(
        source,
        token=False,  # None would send the one that is saved on this machine
        verbose=False,
        download_files=downloads,
        httpx_kwargs={"timeout": _TIMEOUT_S},
        analytics_enabled=False,
    )


def _check_about(about: object, source: str, *, takes: bool) -> None:
    if not isinstance(about, dict) or about.get("identity") not in ("token", "account", "none"):
        raise FeabError(f"{source}: is no leaderboard of feab")
    if takes and about["identity"] == "none":
        raise FeabError(f"{source}: takes no submissions")


def _stage(status: Any) -> Stage:
    for unit in status.progress_data or ():
        if unit.length:
            return Stage(str(unit.desc or "checking")[:40], int(unit.index or 0), int(unit.length))
    return Stage("waiting") if status.rank else Stage("sending" if status.code.name == "STARTING" else "checking")


@contextmanager
def _told(source: str) -> Iterator[None]:
    """What the other side, or the way to it, complains of, as an error of a user's."""
    if version_of("gradio_client") is None:
        raise FeabError("this needs gradio_client; install it with: pip install 'feab[leaderboard]'")
    import httpx
    from gradio_client.exceptions import AppError

    try:
        yield
    except FeabError:
        raise
    except AppError as error:
        raise FeabError(f"{source}: {str(error)[:_LONGEST] or 'it failed there'}") from None
    except ValidationError:
        raise FeabError(f"{source}: answered what is no verdict; is its feab another than this one?") from None
    except httpx.TransportError as error:
        raise FeabError(f"{source}: nobody answers there ({str(error)[:200] or type(error).__name__})") from None
    except (httpx.HTTPError, OSError, ValueError, KeyError, TypeError) as error:  # it may answer anything at all
        raise FeabError(f"{source}: is no leaderboard of feab ({type(error).__name__})") from None
