"""Aff-Wild2, the multi-task challenge's list: frames with expression, valence and arousal, and action units."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from feab.data.readers.affwild2 import (
    ABOVE,
    AUS,
    CROPS,
    MAX_FRAMES,
    NO_AFFECT,
    NOT_GIVEN,
    NOTES,
    action_units,
    crops,
    expression,
    filmed,
    place,
    presences,
    valence_arousal,
)
from feab.data.readers.affwild2 import READERS as SINGLE
from feab.data.readers.faces import Faces, write
from feab.data.readers.record import Row, Skip
from feab.data.readers.tree import Tree, whole_in
from feab.errors import FeabError

_COLUMNS = ("image", "valence", "arousal", "expression", *(f"AU{au}" for au in AUS))
_PARTS = ((slice(1, 3), valence_arousal), (slice(3, 4), expression), (slice(4, None), action_units))
_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "train": ("train_set.txt", "training_set_annotations.txt"),
    "validation": ("validation_set.txt", "validation_set_annotations.txt"),
})  # fmt: skip
"""What the list of a split is called, by the third challenge and since the fourth."""
_LISTS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    split: tuple(f"{above}{folder}{name}" for above in ABOVE for folder in ("MTL_Challenge/", "") for name in names)
    for split, names in _NAMES.items()
})  # fmt: skip


def read(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The frames of the list, whose parts may each be missing. A row of which a part is wrong is passed over whole.

    Raises:
        FeabError: when the first row does not name the columns, in their order.
    """
    file = tree.first(*_LISTS[split])
    rows = tree.cells(file)
    _, header = next(rows, (1, []))
    units = [int(number) for name in header[4:] for number in re.findall("[0-9]{1,3}", name)]
    if header[:4] != list(_COLUMNS[:4]) or units not in ([], list(AUS)):  # some lists say "aus" of all twelve
        raise FeabError(f"{tree.root / file}: its columns are {', '.join(header)[:300]}, not {', '.join(_COLUMNS)}")
    seen, above = "", ""
    for line, cells in rows:
        video, _, name = cells[0].rpartition("/")
        frame = whole_in(name.rpartition(".")[0], range(MAX_FRAMES))
        if len(cells) != len(_COLUMNS) or not video or frame is None:
            wanted = f"video/00001.jpg with {len(_COLUMNS) - 1} values"
            skip(file, line, "bad row", f"{','.join(cells)!r:.100} is no {wanted}")
            continue
        read_parts = (labels(cells[where], file, line, skip) for where, labels in _PARTS)
        parts = [part for part in read_parts if part is not None]
        if len(parts) < len(_PARTS):
            continue
        if video != seen:
            seen, above = video, crops(tree, video) or f"{CROPS[0]}/{video}"
        row = parts[0] | parts[1] | parts[2] | place(video, frame)
        yield Row(f"{video}/{frame:05d}", f"{above}/{name}", file, line, row)


def mimic(root: Path, faces: Faces, n: int) -> None:
    """One list a split, of six videos; in every sixth row one of the three parts is not given."""
    for split, names in _NAMES.items():
        lines = [",".join(_COLUMNS)]
        for number, (video, frame, code, face) in enumerate(filmed(root, faces, split, n)):
            parts = [f"{face.valence:.3f},{face.arousal:.3f}", f"{code}", ",".join(map(str, presences(face)))]
            if number % 6 == 5:
                blank = number // 6 % 3
                parts[blank] = ",".join(
                    [f"{NO_AFFECT:g}"] * 2 if blank == 0 else [f"{NOT_GIVEN}"] * (1 if blank == 1 else len(AUS))
                )
            lines.append(",".join([f"{video}/{frame:05d}.jpg", *parts]))
        write(root, f"{ABOVE[0]}MTL_Challenge/{names[0]}", "\n".join(lines) + "\n")


READERS = (
    replace(
        SINGLE[0],
        name="affwild2_mtl",
        title="Aff-Wild2 (list of the multi-task challenge)",
        version="1",
        splits=_LISTS,
        layout="""
annotations/MTL_Challenge/train_set.txt         image,valence,arousal,expression,AU1,...,AU26
annotations/MTL_Challenge/validation_set.txt    or training_set_annotations.txt, validation_set_annotations.txt
cropped_aligned/<video>/00001.jpg               also in cropped_aligned_new_50_vids/
""",
        read=read,
        mimic=mimic,
        notes=NOTES,
    ),
)
