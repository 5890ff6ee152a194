"""A small dataset folder for tests of runs: flat pictures, labels of all three kinds, ten pictures a person."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from feab.data import write_split
from feab.schemas import DatasetInfo
from feab.vocabulary import EXPRESSIONS, FEAB_17

PER_PERSON = len(EXPRESSIONS) + 2


def picture(seed: int, size: int = 16) -> bytes:
    """JPEG bytes of one colour."""
    draw = random.Random(seed)
    out = io.BytesIO()
    Image.new("RGB", (size, size), tuple(draw.randrange(256) for _ in range(3))).save(out, "JPEG")
    return out.getvalue()


def noise(seed: int, size: int = 16) -> bytes:
    """JPEG bytes of noise."""
    out = io.BytesIO()
    Image.frombytes("RGB", (size, size), random.Random(seed).randbytes(3 * size * size)).save(out, "JPEG")
    return out.getvalue()


def rows(people: int) -> Iterator[dict[str, Any]]:
    for person in range(people):
        for number in range(PER_PERSON):
            draw = random.Random(f"{person}/{number}")
            yield {
                "id": f"p{person:05d}_{number}",
                "image": picture(person * PER_PERSON + number),
                "subject": f"p{person:05d}",
                "expression": EXPRESSIONS[number] if number < len(EXPRESSIONS) else None,
                "valence": draw.uniform(-1, 1),
                "arousal": draw.uniform(-1, 1),
                **{f"au{au:02d}_presence": float(draw.random() < 0.3) for au in FEAB_17},
            }


def make_faces(
    folder: Path, people: int = 3, *, third_party: Literal["forbidden", "ask", "allowed"] = "allowed"
) -> Path:
    """Write the folder; returns it."""
    write_split(folder, "test", rows(people), made_info(third_party))
    return folder


def make_noisy_faces(folder: Path, people: int) -> Path:
    """The same with noise for pictures, no two alike; returns the folder."""
    pictures = ({**row, "image": noise(number)} for number, row in enumerate(rows(people)))
    write_split(folder, "test", pictures, made_info("allowed"))
    return folder


def made_info(third_party: Literal["forbidden", "ask", "allowed"]) -> DatasetInfo:
    return DatasetInfo(
        name="made",
        version="1",
        splits={},
        licence="a licence of ours",
        images_may_be_shared=True,
        third_party=third_party,
        labels=list(EXPRESSIONS),
        aus=list(FEAB_17),
    )


ANSWERS = """
seed: 3
answers:
  - {task: "*_expression", texts: [neutral, happiness, sadness, anger, "I see a nose."], pick: sample}
  - task: "*_valence_arousal"
    texts: ["valence: 0.5, arousal: 0.1", "valence: -0.4, arousal: 0.6", "valence: 0.0, arousal: -0.2"]
    pick: sample
  - {task: "*_action_units", texts: ["1, 2, 5", "6, 12", "none", "4, 7, 23"], pick: sample}
"""


def make_script(folder: Path, text: str = ANSWERS) -> Path:
    """Write a mock script; returns its path."""
    path = folder / "answers.yaml"
    path.write_text(text, encoding="utf-8")
    return path
