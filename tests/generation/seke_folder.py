"""A folder of annotations as `feab seke annotate` leaves it, over a small dataset with real pictures."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from feab.data import open_split, write_split
from feab.data.annotations import (
    ActionUnitsLevel,
    AnnotationLine,
    ExpressionLevel,
    ValenceArousalLevel,
    write_annotations,
)
from feab.generation.recipe import load_recipe
from feab.generation.store import Counts, DatasetPlace, SekeIdentity, SekeManifest
from feab.journal.lines import to_line
from feab.runs.files import write_model
from feab.schemas import DatasetInfo, Prediction, VaValue
from feab.vocabulary import EXPRESSIONS, FEAB_17

INFO = DatasetInfo(
    name="small",
    version="1",
    splits={},
    licence="CC0-1.0",
    images_may_be_shared=True,
    third_party="allowed",
    labels=list(EXPRESSIONS),
    aus=list(FEAB_17),
    source="gradients | <b>not</b> faces",
)


def picture(number: int) -> bytes:
    """A small picture, another one for every number."""
    colour = (number * 37 % 256, number * 91 % 256, number * 13 % 256)
    out = io.BytesIO()
    Image.linear_gradient("L").resize((24, 24)).convert("RGB").point([v + colour[0] for v in range(256)] * 3).save(
        out, "JPEG"
    )
    return out.getvalue() + bytes(str(number), "ascii")


def rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Faces with all labels; every seventh is young."""
    rng = random.Random(seed)
    found = []
    for number in range(count):
        row: dict[str, Any] = {
            "id": f"f{number:04d}",
            "image": picture(number),
            "subject": f"p{number // 3}",
            "expression": EXPRESSIONS[number % 8],
            "valence": round(rng.uniform(-1, 1), 3),
            "arousal": round(rng.uniform(-1, 1), 3),
            "age_group": "4-19" if number % 7 == 6 else "20-39",
        }
        found.append(row | {f"au{au:02d}_presence": float(rng.random() < 0.25) for au in FEAB_17})
    return found


def line_of(number: int, row: Mapping[str, Any], given: Sequence[str] = ("expression",)) -> AnnotationLine:
    """Levels of `given` are human; of the others every third is rejected, and generated ones are the truth."""
    source = "rejected" if number % 3 == 2 else "generated"
    sure = {"confidence": 0.3 if source == "rejected" else 0.95, "samples": 4 + 2 * (number % 4)}
    unsure = {"total_uncertainty": 0.1 * (number % 9), "epistemic_uncertainty": 0.05 * (number % 5) - 0.02}

    def facts(level: str) -> dict[str, Any]:
        return {"source": "human"} if level in given else {"source": source, **sure, **unsure}

    present = [au for au in FEAB_17 if row[f"au{au:02d}_presence"]]
    return AnnotationLine(
        sample=row["id"],
        expression=ExpressionLevel(value=row["expression"], **facts("expression")),
        valence_arousal=ValenceArousalLevel(
            value=VaValue(valence=row["valence"], arousal=row["arousal"]),
            verification={} if "valence_arousal" in given else {"valence": "confirm"},
            **facts("valence_arousal"),
        ),
        action_units=ActionUnitsLevel(
            value=present,
            details={} if "action_units" in given else {str(au): 0.9 if au in present else 0.1 for au in FEAB_17},
            **facts("action_units"),
        ),
    )


def make_folder(
    place: Path,
    count: int = 24,
    *,
    info: DatasetInfo = INFO,
    line: Callable[[int, Mapping[str, Any]], AnnotationLine] = line_of,
    said: Callable[[str], str] = lambda sample: f"I think {sample} displays fear.",
    change: Callable[[dict[str, Any]], dict[str, Any]] = lambda row: row,
) -> Path:
    """Dataset and annotations in `place`; returns the folder of annotations."""
    faces = [change(row) for row in rows(count)]
    write_split(place / info.name, "train", faces, info)
    dataset = open_split(place / info.name, "train")
    folder = place / "annotated"
    folder.mkdir()
    write_annotations(folder / "annotations.jsonl", (line(number, row) for number, row in enumerate(faces)))
    with (folder / "draws.jsonl").open("wb") as file:
        for row in faces:
            for context, draw in ((0, 0), (0, 1), (1, 0), (1, 1)):
                prediction = Prediction(
                    task="seke", sample=row["id"], prompt=f"c{context}", draw=draw, text=said(row["id"]),
                    answer="fear", outcome="ok",
                )  # fmt: skip
                file.write(to_line(prediction))
    identity = SekeIdentity(
        model="mock/teller", adapter="mock", adapter_version="1", dataset=f"{info.name}/train",
        fingerprint=dataset.fingerprint, recipe=load_recipe(), prompts="0" * 64,
        knowledge="0" * 64, given=["expression"],
    )  # fmt: skip
    manifest = SekeManifest(
        identity=identity, identity_sha256="0" * 64, feab_version="0", created="2026-01-01T00:00:00+00:00",
        updated="2026-01-01T01:00:00+00:00", expected=0, model="mock/teller", recipe="seke", cost_usd=1.25,
        input_tokens=1000, output_tokens=200,
        dataset=DatasetPlace(
            name=info.name, split="train", fingerprint=dataset.fingerprint, folder=str(place / info.name)
        ),
        counts=Counts(faces=count, decided=count, draws=4 * count),
    )  # fmt: skip
    write_model(folder / "manifest.json", manifest)
    return folder
