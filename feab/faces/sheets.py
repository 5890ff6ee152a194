"""Contact sheets: pictures side by side with captions, so that a person can look."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from feab.errors import FeabError
from feab.faces.actions import AUS_RENDERED, MIDLINE_AUS, FacsAction
from feab.faces.head import Head
from feab.faces.identity import Identity
from feab.faces.jpeg import encode_jpeg
from feab.faces.posing import amount_range, solve
from feab.faces.scene import Scene
from feab.faces.visibility import CHANGED_FROM, changed_pixels, grey

_LINE = 13  # pixels per caption line
_MOST = 2000


def contact_sheet(
    pictures: Sequence[tuple[bytes, str]], *, columns: int = 6, size: int = 160, title: str | None = None
) -> bytes:
    """PNG bytes of encoded pictures in a grid, each fitted into size x size pixels with its caption under it.

    Captions may hold several lines; lines too long for the cell are cut.

    Raises:
        FeabError: no picture or more than 2,000, a bad grid, or bytes that are no picture (said which).
    """
    from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

    if not 1 <= len(pictures) <= _MOST:
        raise FeabError(f"a contact sheet shows 1 to {_MOST} pictures, got {len(pictures)}")
    if not (1 <= columns <= 100 and 16 <= size <= 1024):
        raise FeabError(f"a contact sheet has 1-100 columns of 16-1024 pixels, got {columns} of {size}")
    columns = min(columns, len(pictures))
    font = ImageFont.load_default()
    lines = max(len(caption.splitlines()) for _, caption in pictures)
    top = _LINE + 6 if title else 0
    height = size + lines * _LINE + 6
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (size + 4) + 4, top + rows * height + 4), "white")
    draw = ImageDraw.Draw(sheet)
    if title:
        draw.text((5, 3), title, fill="black", font=font)
    for k, (data, caption) in enumerate(pictures):
        x, y = 4 + k % columns * (size + 4), top + 4 + k // columns * height
        try:
            picture = Image.open(io.BytesIO(data)).convert("RGB")
        except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as err:
            raise FeabError(f"picture {k + 1} of the contact sheet ({caption!r}) cannot be read: {err}") from err
        picture.thumbnail((size, size))
        sheet.paste(picture, (x + (size - picture.width) // 2, y + (size - picture.height) // 2))
        for n, line in enumerate(caption.splitlines()):
            while line and draw.textlength(line, font=font) > size:
                line = line[:-1]
            draw.text((x, y + size + 1 + n * _LINE), line, fill="black", font=font)
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def difference(one: bytes, other: bytes) -> bytes:
    """PNG bytes: where two JPEGs of one size differ. Grey = equal; pixels that count as changed are outlined in red."""
    from PIL import Image

    a, b = grey(one), grey(other)
    delta = np.clip(128 + 2 * (a - b), 0, 255).astype(np.uint8)
    rgb: NDArray[np.uint8] = np.stack([delta] * 3, -1)
    rgb[np.abs(a - b) > CHANGED_FROM, 0] = 255
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "PNG")
    return out.getvalue()


def single_au_sheet(
    identity: Identity, aus: Sequence[int] = AUS_RENDERED, *, size: int = 224, scene: Scene | None = None
) -> bytes:
    """PNG bytes: one AU a row at B, C, D and E, each beside its difference from the same face at rest.

    AUs 25 and 26 are set by what the mesh shows, as far as one AU alone can reach (the caption gives the measure).
    """
    head, scene = Head.load(), scene or Scene()
    rest = encode_jpeg(head.render(identity, FacsAction(), scene, size=size))
    pictures: list[tuple[bytes, str]] = []
    for au in aus:
        for intensity, letter in zip((2, 3, 4, 5), "BCDE", strict=True):
            amount = sum(amount_range(au, intensity)) / 2
            caption = f"AU {au} {letter}  f={amount:.2f}"
            if au in (25, 26):
                target = amount

                def shown(f: float, au: int = au) -> float:
                    measures = head.measure(identity, FacsAction({au: (f, f)}))
                    return measures.lip_gap if au == 25 else measures.chin_drop

                amount = solve(shown, target)
                caption = f"AU {au} {letter}  f={amount:.2f} shows {shown(amount):.2f} of {target:.2f}"
            face = encode_jpeg(head.render(identity, FacsAction({au: (amount, amount)}), scene, size=size))
            changed = changed_pixels(grey(face), grey(rest))
            pictures += [(face, caption), (difference(face, rest), f"{changed} px changed")]
        if au not in MIDLINE_AUS:
            middle = sum(amount_range(au, 4)) / 2
            face = encode_jpeg(head.render(identity, FacsAction({au: (middle, 0.0)}), scene, size=size))
            pictures += [(face, f"AU {au} D, left only"), (difference(face, rest), "")]
        else:
            pictures += [(rest, "at rest"), (difference(rest, rest), "")]
    return contact_sheet(pictures, columns=10, size=size)
