"""The data card of a set of rendered faces, made from its files so that no number in it is typed by hand."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feab.data.columns import au_column
from feab.data.dataset import open_split
from feab.data.write import read_info
from feab.errors import FeabError
from feab.schemas import DatasetInfo
from feab.vocabulary import ACTION_UNITS, FEAB_17

if TYPE_CHECKING:
    import pandas as pd

_STRENGTHS = ("weak", "medium", "strong")
_NOT_COLUMNS = frozenset({"passed", "coded"})


def build_card(folder: str | os.PathLike[str], gate: str | os.PathLike[str] | None = None) -> str:
    """The Markdown data card of a folder of rendered faces, from dataset.json, the labels and gate.json.

    gate.json (by default the folder's own, if there) holds `coded` (the AUs that passed), `method` (a sentence),
    `threshold`, and `aus` {AU: {measure: number}} whose measures become the table's columns; a measure may be a
    mapping of rival AU to number, of which the worst is shown. `oracle` {score name: number} is optional.

    Raises:
        FeabError: when dataset.json, a split or gate.json cannot be read.
    """
    import jinja2

    from feab.faces.visibility import CHANGED_FROM, VISIBILITY_PX

    path = Path(folder)
    info = read_info(path)
    found = _gate(Path(gate) if gate is not None else path / "gate.json")
    columns, rows = ([], []) if found is None else _gate_table(found)
    # Markdown, not HTML: the values are numbers and vocabulary, and names that dataset.json's schema restricts.
    template = jinja2.Environment(  # noqa: S701
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    ).from_string((Path(__file__).parent / "card.md.j2").read_text(encoding="utf-8"))
    thresholds = sorted(set(VISIBILITY_PX.values()))
    return template.render(
        info=info,
        splits=[_split_statistics(path, name, info) for name in info.splits],
        gate=found,
        gate_columns=columns,
        gate_rows=rows,
        failed=[row["au"] for row in rows if not row["coded"]],
        oracle={name: _number(value) for name, value in (found or {}).get("oracle", {}).items()},
        visible_px=" to ".join(map(str, dict.fromkeys((thresholds[0], thresholds[-1])))),
        changed_from=CHANGED_FROM,
    )


def write_card(folder: str | os.PathLike[str], gate: str | os.PathLike[str] | None = None) -> Path:
    """Write `build_card` as the folder's README.md and return its path."""
    path = Path(folder) / "README.md"
    path.write_text(build_card(folder, gate), encoding="utf-8")
    return path


def _gate(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        coded, measured = data["coded"], {int(au): dict(row) for au, row in data.get("aus", {}).items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FeabError(f"{path}: not a gate result with `coded` and `aus`: {error}") from error
    unknown = [au for au in [*coded, *measured] if au not in ACTION_UNITS]
    if unknown:
        raise FeabError(f"{path}: AU {unknown[0]!r} is not one of {', '.join(map(str, FEAB_17))}")
    filled = {"method": "A small CNN is asked about other identities.", "threshold": "–", "oracle": {}}
    return {**filled, **data, "aus": measured}


def _gate_table(gate: Mapping[str, Any]) -> tuple[list[str], list[dict[str, Any]]]:
    """Column names in order of appearance, and one row for each of the 17 AUs."""
    names = [name for row in gate["aus"].values() for name in row if name not in _NOT_COLUMNS]
    columns = list(dict.fromkeys(names))
    rows = []
    for au in FEAB_17:
        measured = gate["aus"].get(au, {})
        cells = [_cell(measured.get(name)) for name in columns]
        rows.append({"au": au, "name": ACTION_UNITS[au].name, "coded": au in gate["coded"], "cells": cells})
    return [name.replace("_", " ") for name in columns], rows


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        numbers = {rival: number for rival, number in value.items() if number is not None}
        if not numbers:
            return "–"
        worst = min(numbers, key=lambda rival: float(numbers[rival]))
        return f"{_number(numbers[worst])} (v. {worst})"
    return _number(value)


def _number(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _split_statistics(folder: Path, name: str, info: DatasetInfo) -> dict[str, Any]:
    data = open_split(folder, name)
    labels = data.labels()
    size = sum(len(sample.media.read()) for sample in data)
    labelled = labels["expression"].notna()
    return {
        "name": name,
        "n": len(data),
        "people": int(labels["subject"].nunique()),
        "bytes": f"{size / 1e6:.1f} MB",
        "with_expression": int(labelled.sum()),
        "free": int((~labelled).sum()),
        "fingerprint": data.fingerprint,
        "pinned": info.splits[name].pinned,
        "expressions": [
            *(_expression(label, labels[labels["expression"] == label]) for label in info.labels),
            _expression("(free combination)", labels[~labelled]),
        ],
        "aus": [_au(au, labels) for au in info.aus],
        "cells": _cells(labels),
    }


def _expression(label: str, rows: pd.DataFrame) -> dict[str, Any]:
    strengths = [int((rows["strength"] == word).sum()) for word in _STRENGTHS] if "strength" in rows else []
    return {
        "label": label,
        "n": len(rows),
        "strengths": strengths if any(strengths) else ["–"],
        "unilateral": int(rows["unilateral"].sum()) if "unilateral" in rows else "–",
        "valence": _mean_sd(rows["valence"]),
        "arousal": _mean_sd(rows["arousal"]),
    }


def _mean_sd(values: pd.Series[Any]) -> str:
    values = values.dropna().astype("float64")
    if values.empty:
        return "–"
    spread = f" ({values.std():.2f})" if len(values) > 1 else ""
    return f"{values.mean() + 0.0:.2f}{spread}".replace("-", "−")


def _au(au: int, labels: pd.DataFrame) -> dict[str, Any]:
    present, grade = labels[au_column(au, "presence")], labels[au_column(au, "intensity")]
    return {
        "au": au,
        "name": ACTION_UNITS[au].name,
        "present": int((present == 1).sum()),
        "trace": int(present.isna().sum()),
        "absent": int((present == 0).sum()),
        "people": int(labels["subject"][present == 1].nunique()),
        "letters": [int((grade == letter).sum()) for letter in range(1, 6)],
    }


def _cells(labels: pd.DataFrame) -> list[dict[str, Any]]:
    keys = ["age_group", "perceived_gender", "ancestry_preset"]
    traces = (labels[[au_column(au, "intensity") for au in FEAB_17]] == 1).sum(axis=1)
    return [
        {
            "age": cell[0],
            "gender": cell[1],
            "preset": cell[2],
            "people": int(rows["subject"].nunique()),
            "n": len(rows),
            "traces": f"{traces[rows.index].mean():.2f}",
        }
        for cell, rows in labels.groupby(keys, dropna=False)
    ]
