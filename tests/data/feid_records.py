"""Records of FEID with real pictures, and a folder of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from samples import jpeg

from feab.data.feid import FeidInfo, FeidLabels, FeidRecord
from feab.data.feid.info import FeidSource, LevelCounts
from feab.data.feid.write import FeidWriter, write_feid_info
from feab.records import Image, Media, Message, Text

LABELS = FeidLabels(
    "fear", (-0.64, 0.6), frozenset({1, 4}), frozenset({1, 2, 4, 12}),
    {"expression": "human", "valence_arousal": "generated", "action_units": "human"}, {"valence_arousal": 0.9},
)  # fmt: skip


def record(number: int, turn: int = 1, **other: Any) -> FeidRecord:
    """One conversation about face `number`."""
    media = Media(data=jpeg(number % 256, 16))
    messages = (
        Message("user", (Image(media), Text("What does the face display?"))),
        Message("assistant", (Text("The face displays an expression of fear."),)),
    )
    made = FeidRecord(
        id=f"f{number}#coarse-{turn}", sample=f"f{number}", source="tiny", subject=f"p{number // 3}", task="coarse",
        template="coarse/q1/a1", messages=messages, images=(media,), labels=LABELS, levels=("expression",),
        grounds=("expression",),
    )  # fmt: skip
    return replace(made, **other)


def make_feid(folder: Path, faces: int = 6, turns: int = 3, shard_bytes: int = 2**30) -> Path:
    """A FEID folder of `faces` times `turns` records."""
    with FeidWriter(folder, shard_bytes=shard_bytes) as writer:
        for number in range(faces):
            writer.add([record(number, turn) for turn in range(turns)])
        split = writer.finish()
    source = FeidSource(
        dataset="tiny", split="train", fingerprint="0" * 64, licence="CC0-1.0", images_may_be_shared=True,
        third_party="allowed", faces=faces, levels={"expression": LevelCounts(human=faces)},
    )  # fmt: skip
    info = FeidInfo(
        name="tiny-feid", seed=0, feab_version="0", templates_sha256="0" * 64, splits={"train": split},
        sources=[source], tasks={"coarse": faces * turns}, records_by_origin={"human": faces * turns},
        images_may_be_shared=True,
    )  # fmt: skip
    write_feid_info(folder, info)
    return folder
