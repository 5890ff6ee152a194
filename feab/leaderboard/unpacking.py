"""A submission as a stranger sent it, a zip or a folder: its three files, bounded, in a folder of our own."""

from __future__ import annotations

import gzip
import io
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from feab.errors import FeabError
from feab.leaderboard.records import CARD, ENTRY, MANIFEST, PACKED, PREDICTIONS
from feab.yamlfile import open_plain

MAX_ARCHIVE = 64 * 2**20
"""Bytes of a zip that is read."""
MAX_BYTES = {MANIFEST: 2**20, PREDICTIONS: 256 * 2**20, CARD: 64 * 2**10, ENTRY: 4 * 2**20}
"""Bytes of each file, unpacked. 256 MiB are 60,000 answers of 4,000 characters."""
MAX_LINE = 256 * 2**10
"""Bytes of a line of answers: 40,000 characters at their longest spelling. The longest prompts allow 2,000 tokens."""
MAX_LINES = 1_000_000

MAX_DIRECTORY = 4 * 2**10
"""Bytes of a zip's list of its files; ours has 171."""

_BLOCK = 2**16
_END, _LOCATOR = 22, 20
"""Bytes of a zip's end record, and of what stands before it in an archive of the 64-bit form."""
_SENT = (MANIFEST, PREDICTIONS, CARD)
_OPTIONAL = {MANIFEST: False, PREDICTIONS: False, CARD: False, ENTRY: True}


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A submission in a folder of our own, gone when its context ends."""

    run: Path
    """A run folder: manifest.json and predictions.jsonl, and nothing else."""
    card: Path
    entry: Path | None
    """What a leaderboard said of it, where it comes from one."""


@contextmanager
def unpacked(source: Path | bytes) -> Iterator[Unpacked]:
    """The files of a submission: a zip (or its bytes), or a folder as `feab submit` and a store write it.

    Nothing is written outside of a new temporary folder, whatever names an archive holds.

    Raises:
        FeabError: when it is neither, a file is missing, twice there, unknown, packed in another way, or too large.
    """
    with tempfile.TemporaryDirectory(prefix="feab-submission-") as made:
        folder = Path(made)
        (folder / "run").mkdir()
        into = {name: folder / ("run" if name in (MANIFEST, PREDICTIONS) else "") / name for name in MAX_BYTES}
        if isinstance(source, bytes):
            _check_archive_size(len(source))
            _from_zip(io.BytesIO(source), into)
        elif source.is_dir():
            _from_folder(source, into)
        else:
            _from_file(source, into)
        entry = into[ENTRY]
        yield Unpacked(folder / "run", into[CARD], entry if entry.is_file() else None)


def _check_archive_size(size: int) -> None:
    if size > MAX_ARCHIVE:
        raise FeabError(f"the archive has {size:,} bytes; it may have {MAX_ARCHIVE:,}")


def _from_file(path: Path, into: dict[str, Path]) -> None:
    try:
        file = open_plain(path)
    except (OSError, ValueError) as error:
        raise FeabError(f"{path}: cannot read it ({getattr(error, 'strerror', None) or error})") from None
    with file:
        _check_archive_size(file.seek(0, io.SEEK_END))
        file.seek(0)
        _from_zip(file, into)


def _from_zip(file: BinaryIO, into: dict[str, Path]) -> None:
    _check_directory(file)
    try:
        with zipfile.ZipFile(file) as archive:
            _check_names([info.filename for info in archive.infolist()])
            for info in archive.infolist():
                _check_member(info)
                with archive.open(info) as member:
                    _copy(member, into[info.filename], info.filename)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise FeabError(f"not a zip that can be read ({type(error).__name__}): pack it with `feab submit`") from None


def _check_directory(file: BinaryIO) -> None:
    """The list of an archive's files must be short: zipfile would hold a million of them in memory before we look."""
    end = file.seek(0, io.SEEK_END)
    file.seek(max(0, end - _LOCATOR - _END))
    tail = file.read()
    last, before = tail[-_END:], tail[:-_END]
    file.seek(0)
    if len(last) < _END or not last.startswith(b"PK\5\6") or last[-2:] != b"\0\0":
        raise FeabError("not a zip, or one with a comment: pack it with `feab submit`")
    if before.startswith(b"PK\6\7") or int.from_bytes(last[12:16], "little") > MAX_DIRECTORY:
        raise FeabError(f"the archive lists more files than the {len(_SENT)} that a submission has")


def _check_names(names: list[str]) -> None:
    """Exactly the three files, each once, at the top."""
    strange = sorted({name for name in names if name not in _SENT})
    if strange:
        told = ", ".join(ascii(name[:60]) for name in strange[:5])
        raise FeabError(f"the archive holds {told}; it holds {', '.join(_SENT)} and nothing else")
    if len(names) != len(set(names)):
        raise FeabError("the archive holds a file twice")
    missing = [name for name in _SENT if name not in names]
    if missing:
        raise FeabError(f"the archive lacks {', '.join(missing)}")


def _check_member(info: zipfile.ZipInfo) -> None:
    if info.flag_bits & 1:
        raise FeabError(f"{info.filename} is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise FeabError(f"{info.filename} is packed by another method than deflate")
    if info.file_size > MAX_BYTES[info.filename]:
        raise _too_large(info.filename)


def _from_folder(folder: Path, into: dict[str, Path]) -> None:
    for name, optional in _OPTIONAL.items():
        packed = name == PREDICTIONS and not (folder / name).exists()
        path = folder / (PACKED if packed else name)
        try:
            with open_plain(path, links=False) as file:
                if packed:
                    with gzip.GzipFile(fileobj=file) as plain:
                        _copy(plain, into[name], name)
                else:
                    _copy(file, into[name], name)
        except FileNotFoundError:
            if not optional:
                raise FeabError(f"{folder}: no submission, it lacks {name}") from None
        except (OSError, EOFError, zlib.error) as error:
            raise FeabError(f"{path}: cannot read it ({type(error).__name__})") from None


def _copy(source: object, path: Path, name: str) -> None:
    """Copy what a file really holds, whatever it says of its size, up to the most that it may hold."""
    left = MAX_BYTES[name]
    with path.open("xb") as out:
        while block := source.read(_BLOCK):  # type: ignore[attr-defined]  # a member of a zip, of gzip, or a file
            left -= len(block)
            if left < 0:
                raise _too_large(name)
            out.write(block)


def _too_large(name: str) -> FeabError:
    return FeabError(f"{name} is larger than the {MAX_BYTES[name]:,} bytes that it may have")


def packed_answers(path: Path) -> bytes:
    """The answers as a store holds them: the same bytes are always packed alike."""
    into = io.BytesIO()
    with gzip.GzipFile(fileobj=into, mode="wb", mtime=0, filename="") as packed, path.open("rb") as plain:
        shutil.copyfileobj(plain, packed)
    return into.getvalue()
