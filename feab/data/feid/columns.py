"""The columns of FEID's Parquet files, and how a record becomes a row and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from feab.data.columns import image_type
from feab.data.feid.record import FeidLabels, FeidRecord
from feab.records import Image, Media, Message, Part, Text
from feab.vocabulary import KINDS, Kind

if TYPE_CHECKING:
    import pyarrow as pa

ORIGINS: Mapping[Kind, str] = {kind: f"{kind}_source" for kind in KINDS}
CONFIDENCES: Mapping[Kind, str] = {kind: f"{kind}_confidence" for kind in KINDS}
LISTS = ("action_units", "coded_units")
GRAINS = ("levels", "grounds")
HEAVY = ("messages", "images")
"""Columns that are read row group by row group only."""

_TEXT = ("id", "sample", "source", "subject", "task", "template", "expression", *ORIGINS.values())
_FLOATS = ("valence", "arousal", *CONFIDENCES.values())


def feid_schema() -> pa.Schema:
    """The schema of every file, with what Hugging Face's `datasets` needs to show pictures as pictures."""
    import pyarrow as pa

    content = pa.struct([pa.field("type", pa.string()), pa.field("text", pa.string())])
    message = pa.struct([pa.field("role", pa.string()), pa.field("content", pa.list_(content))])
    types: dict[str, pa.DataType] = {"messages": pa.list_(message), "images": pa.list_(image_type())}
    types |= dict.fromkeys(_TEXT, pa.string()) | dict.fromkeys(_FLOATS, pa.float32())
    types |= {name: pa.list_(pa.int32()) for name in LISTS}
    types |= dict.fromkeys(GRAINS, pa.list_(pa.string())) | {"rewritten": pa.bool_()}
    described = json.dumps({"info": {"features": _features()}}, sort_keys=True)
    return pa.schema([pa.field(name, kind) for name, kind in types.items()], metadata={"huggingface": described})


def _features() -> dict[str, Any]:
    """The features as `datasets` writes them; a list of one type is written as a list of one item in every version."""

    def value(dtype: str) -> dict[str, str]:
        return {"dtype": dtype, "_type": "Value"}

    text = value("string")
    found: dict[str, Any] = {
        "messages": [{"role": text, "content": [{"type": text, "text": text}]}],
        "images": [{"_type": "Image"}],
    }
    found |= dict.fromkeys(_TEXT, text) | dict.fromkeys(_FLOATS, value("float32"))
    found |= {name: [value("int32")] for name in LISTS}
    return found | {name: [text] for name in GRAINS} | {"rewritten": value("bool")}


def row_of(record: FeidRecord) -> dict[str, Any]:
    """A record as a row; pictures as they were stored.

    Raises:
        OSError: when a picture cannot be read.
    """
    labels = record.labels
    va = labels.valence_arousal
    return {
        "messages": [{"role": m.role, "content": [_content(part) for part in m.parts]} for m in record.messages],
        "images": [{"bytes": media.read(), "path": None} for media in record.images],
        "id": record.id,
        "sample": record.sample,
        "source": record.source,
        "subject": record.subject,
        "task": record.task,
        "template": record.template,
        "expression": labels.expression,
        "valence": None if va is None else va[0],
        "arousal": None if va is None else va[1],
        "action_units": None if labels.action_units is None else sorted(labels.action_units),
        "coded_units": None if labels.action_units is None else sorted(labels.coded),
        "levels": list(record.levels),
        "grounds": list(record.grounds),
        "rewritten": record.rewritten,
        **{column: labels.origins.get(kind) for kind, column in ORIGINS.items()},
        **{column: labels.confidences.get(kind) for kind, column in CONFIDENCES.items()},
    }


def _content(part: Part) -> dict[str, str | None]:
    return {"type": "text", "text": part.text} if isinstance(part, Text) else {"type": "image", "text": None}


def record_of(row: Mapping[str, Any], images: tuple[Media, ...]) -> FeidRecord:
    """A row that `feab.data.feid.check` finds nothing wrong with, as a record."""
    left = list(images)
    messages = tuple(
        Message(
            message["role"],
            tuple(Text(part["text"]) if part["type"] == "text" else Image(left.pop(0)) for part in message["content"]),
        )
        for message in row["messages"]
    )
    units, valence = row["action_units"], row["valence"]
    labels = FeidLabels(
        expression=row["expression"],
        valence_arousal=None if valence is None else (_short(valence), _short(row["arousal"])),
        action_units=None if units is None else frozenset(units),
        coded=frozenset(row["coded_units"] or ()),
        origins={kind: row[column] for kind, column in ORIGINS.items() if row[column] is not None},
        confidences={kind: _short(row[column]) for kind, column in CONFIDENCES.items() if row[column] is not None},
    )
    return FeidRecord(
        id=row["id"],
        sample=row["sample"],
        source=row["source"],
        subject=row["subject"],
        task=row["task"],
        template=row["template"],
        messages=messages,
        images=images,
        labels=labels,
        levels=tuple(row["levels"]),
        grounds=tuple(row["grounds"]),
        rewritten=row["rewritten"],
    )


def _short(value: float) -> float:
    """A float32 without the digits it does not hold."""
    return round(value, 6)
