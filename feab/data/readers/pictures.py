"""Opening the pictures and videos of rows on all cores: each is looked at once, and its sha256 taken."""

from __future__ import annotations

import hashlib
import io
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from feab.clips.video import MAX_VIDEO, pictures, probe
from feab.data.readers.record import Row, Why
from feab.data.readers.tree import Tree
from feab.errors import FeabError
from feab.pictures import MAX_PICTURE, PICTURE_FORMATS, check_picture
from feab.records import Media

_BATCH = 32
_END_OF_JPEG = b"\xff\xd9"
_TAIL = 4096
_PIECE = 2**20


@dataclass(frozen=True, slots=True)
class Stored:
    """A picture or video as the dataset folder will hold it, and the sha256 of its bytes."""

    data: bytes | None
    path: str | None
    sha256: str

    @property
    def column(self) -> dict[str, bytes | str | None]:
        """The value of the column `image` or `clip`."""
        return {"bytes": self.data, "path": self.path}


@dataclass(frozen=True, slots=True)
class Seen:
    """A row whose pictures were opened."""

    row: Row
    image: Stored | None
    frames: tuple[Stored, ...]
    clip: Stored | None
    wrong: tuple[Why, str] | None
    """Why its pictures cannot be used."""


class PictureError(FeabError):
    """A picture or video that cannot be used, with the kind of fault."""

    def __init__(self, why: Why, detail: str) -> None:
        super().__init__(detail)
        self.why = why


class Pictures:
    """Opens the pictures of a folder and none outside it. May be used by several threads."""

    def __init__(self, tree: Tree, *, keep: bool) -> None:
        """`keep`: hold on to the bytes of files, which are to be stored; else only to their paths."""
        self._tree, self._keep = tree, keep

    def see(self, rows: Iterable[Row], workers: int) -> Iterator[Seen]:
        """Every row in order, its pictures opened; a few batches are opened ahead, one a thread."""
        stream = iter(rows)
        waiting: deque[Future[list[Seen]]] = deque()
        with ThreadPoolExecutor(workers, thread_name_prefix="feab-pictures") as pool:
            try:
                while batch := list(islice(stream, _BATCH)):
                    waiting.append(pool.submit(self._see_all, batch))
                    if len(waiting) > workers:
                        yield from waiting.popleft().result()
                while waiting:
                    yield from waiting.popleft().result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _see_all(self, rows: list[Row]) -> list[Seen]:
        return [self._see(row) for row in rows]

    def _see(self, row: Row) -> Seen:
        try:
            image = None if row.image is None else self._stored(row.image)
            frames = tuple(self._stored(frame) for frame in row.frames)
            clip = None if row.clip is None else self._video(row.clip)
        except PictureError as error:
            return Seen(row, None, (), None, (error.why, str(error)))
        if image is None and not frames and clip is None:
            return Seen(row, None, (), None, ("missing picture", "the row names none"))
        return Seen(row, image, frames, clip, None)

    def _stored(self, given: str | bytes) -> Stored:
        data = given if isinstance(given, bytes) else self._read(given)
        name = "the picture" if isinstance(given, bytes) else given
        why = problem(data)
        if why:
            raise PictureError("bad picture", f"{name}: {why}")
        kept = isinstance(given, bytes) or self._keep
        path = None if isinstance(given, bytes) or self._keep else given
        return Stored(data if kept else None, path, hashlib.sha256(data).hexdigest())

    def _read(self, relative: str) -> bytes:
        with self._opened(relative, "missing picture", "bad picture") as file:
            data = file.read(MAX_PICTURE + 1)
        if len(data) > MAX_PICTURE:
            raise PictureError("bad picture", f"{relative}: larger than {MAX_PICTURE // 2**20} MiB")
        return data

    def _video(self, relative: str) -> Stored:
        """A video file, read through once; its frames are counted and the first is decoded.

        Raises:
            PictureError: when it cannot be used.
            FeabError: when no video can be read here, because PyAV is missing.
        """
        digest, size, kept = hashlib.sha256(), 0, bytearray()
        with self._opened(relative, "missing clip", "bad clip") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
                size += len(piece)
                if size > MAX_VIDEO:
                    raise PictureError("bad clip", f"{relative}: larger than {MAX_VIDEO // 2**20} MiB")
                if self._keep:
                    kept += piece
        video = Media(data=bytes(kept)) if self._keep else Media(path=str(self._tree.path(relative)))
        try:
            pictures(video, (0,), probe(video).frames)
        except FeabError as error:
            if isinstance(error.__cause__, ImportError):
                raise
            raise PictureError("bad clip", f"{relative}: {error}") from None
        return Stored(video.data, None if self._keep else relative, digest.hexdigest())

    @contextmanager
    def _opened(self, relative: str, missing: Why, bad: Why) -> Iterator[BinaryIO]:
        """A file of the folder; what is wrong with it becomes a `PictureError`."""
        try:
            with self._tree.open(relative) as file:
                yield file
        except PictureError:
            raise
        except (FileNotFoundError, NotADirectoryError):
            raise PictureError(missing, f"{relative}: no such file") from None
        except (OSError, ValueError) as error:
            raise PictureError(bad, f"{relative}: {getattr(error, 'strerror', None) or error}") from None
        except FeabError as error:
            raise PictureError(bad, str(error).removeprefix(f"{self._tree.root}/")) from None


def problem(data: bytes) -> str:
    """Why an encoded picture cannot be used, nothing where it can.

    Its format and size are read, and the sums in a PNG. Pixels are decoded where a file may have been cut off without
    that: of JPEG those without an end mark, and all of other formats.
    """
    try:
        check_picture(Path("picture"), data)
    except FeabError as error:
        return str(error).removeprefix("picture: ")
    whole = data.startswith(b"\x89PNG") or (data.startswith(b"\xff\xd8") and _END_OF_JPEG in data[-_TAIL:])
    return "" if whole else _decoded(data)


def _decoded(data: bytes) -> str:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=PICTURE_FORMATS) as picture:
            picture.load()
    except Exception as error:  # Pillow's decoders raise nearly anything on a broken file
        return f"cannot be decoded ({str(error)[:200] or type(error).__name__})"
    return ""
