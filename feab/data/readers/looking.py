"""Looking at one picture of a dataset as it was delivered: whether it can be used, and the sha256 of its bytes."""

from __future__ import annotations

import io
from pathlib import Path

from feab.data.readers.record import Why
from feab.data.readers.tree import Tree
from feab.errors import FeabError
from feab.pictures import MAX_PICTURE, PICTURE_FORMATS, check_picture

_END_OF_JPEG = b"\xff\xd9"
_TAIL = 4096


class PictureError(FeabError):
    """A picture that cannot be used, with the kind of fault."""

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
    try:
        with tree.open(relative) as file:
            data = file.read(MAX_PICTURE + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise PictureError("missing picture", f"{relative}: no such file") from None
    except (OSError, ValueError) as error:
        raise PictureError("bad picture", f"{relative}: {getattr(error, 'strerror', None) or error}") from None
    except FeabError as error:
        raise PictureError("bad picture", str(error).removeprefix(f"{tree.root}/")) from None
    if len(data) > MAX_PICTURE:
        raise PictureError("bad picture", f"{relative}: larger than {MAX_PICTURE // 2**20} MiB")
    return data


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
