"""Looking at one picture or video of a dataset as it was delivered: whether it can be used, and what its bytes are."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from feab.clips.video import MAX_VIDEO, pictures, probe
from feab.data.readers.record import Why
from feab.data.readers.tree import Tree
from feab.errors import FeabError
from feab.pictures import MAX_PICTURE, PICTURE_FORMATS, check_picture
from feab.records import Media

_END_OF_JPEG = b"\xff\xd9"
_TAIL = 4096
_PIECE = 2**20


class PictureError(FeabError):
    """A picture or video that cannot be used, with the kind of fault."""

    def __init__(self, why: Why, detail: str) -> None:
        super().__init__(detail)
        self.why = why


def look(data: bytes, name: str) -> None:
    """Whether an encoded picture can be used.

    Raises:
        PictureError: when it cannot, with its name.
    """
    why = problem(data)
    if why:
        raise PictureError("bad picture", f"{name}: {why}")


def read(tree: Tree, relative: str) -> bytes:
    """The bytes of a picture's file.

    Raises:
        PictureError: when it is missing, outside the folder, no plain file or too large.
    """
    with _opened(tree, relative, "missing picture", "bad picture") as file:
        data = file.read(MAX_PICTURE + 1)
    if len(data) > MAX_PICTURE:
        raise PictureError("bad picture", f"{relative}: larger than {MAX_PICTURE // 2**20} MiB")
    return data


def read_video(tree: Tree, relative: str, *, keep: bool) -> tuple[bytes | None, str]:
    """The bytes of a video file, if they are to be kept, and their sha256; its frames are counted, the first decoded.

    Raises:
        PictureError: when it is missing, outside the folder, no plain file, too large, or no video.
        FeabError: when no video can be read here, because PyAV is missing.
    """
    digest, size, kept = hashlib.sha256(), 0, bytearray()
    with _opened(tree, relative, "missing clip", "bad clip") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
            if size > MAX_VIDEO:
                raise PictureError("bad clip", f"{relative}: larger than {MAX_VIDEO // 2**20} MiB")
            if keep:
                kept += piece
    video = Media(data=bytes(kept)) if keep else Media(path=str(tree.path(relative)))
    try:
        pictures(video, (0,), probe(video).frames)
    except FeabError as error:
        if isinstance(error.__cause__, ImportError):
            raise
        raise PictureError("bad clip", f"{relative}: {error}") from None
    return video.data, digest.hexdigest()


@contextmanager
def _opened(tree: Tree, relative: str, missing: Why, bad: Why) -> Iterator[BinaryIO]:
    """A file of the folder; what is wrong with it becomes a `PictureError`."""
    try:
        with tree.open(relative) as file:
            yield file
    except PictureError:
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise PictureError(missing, f"{relative}: no such file") from None
    except (OSError, ValueError) as error:
        raise PictureError(bad, f"{relative}: {getattr(error, 'strerror', None) or error}") from None
    except FeabError as error:
        raise PictureError(bad, str(error).removeprefix(f"{tree.root}/")) from None


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
