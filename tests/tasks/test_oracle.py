"""Knowing the expression must not be enough on rendered faces: the limits, and what is written down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from feab.data.write import write_split
from feab.errors import FeabError
from feab.schemas import DatasetInfo
from feab.tasks.oracle import CCC, F1, LIMITS, check_oracle, oracle_scores, record_oracle

INFO = DatasetInfo(
    name="tiny",
    version="1",
    splits={},
    licence="CC0-1.0",
    images_may_be_shared=True,
    third_party="allowed",
    labels=["happiness"],
    aus=[1, 12, 25],
)
JPEG = b"\xff\xd8\xff\xd9"
"""Nothing here looks at a picture."""


def _rows(spread: float, flips: float, people: int = 12) -> list[dict[str, Any]]:
    """20 faces a person, happy or free; VA scatters by `spread`, AUs are drawn anew with probability `flips`."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(people * 20):
        happy = bool(rng.random() < 0.5)
        va = np.clip((0.5 if happy else -0.5) + rng.normal(0, spread, 2), -1, 1)
        aus = {au: rng.random() < 0.5 if rng.random() < flips else happy == (au == 12) for au in (1, 12)}
        rows.append({
            "id": f"f{i:03d}",
            "subject": f"p{i % people}",
            "expression": "happiness" if happy else None,
            "valence": float(va[0]),
            "arousal": float(va[1]),
            **{f"au{au:02d}_presence": float(on) for au, on in aus.items()},
            "au25_presence": None,
        })  # fmt: skip
    return rows


def test_the_scores_are_those_of_class_means_and_commonest_aus():
    labels = pd.DataFrame(_rows(0.4, 0.5))
    found = oracle_scores(labels)
    of = labels["expression"].fillna("free")
    ccc, f1 = [], []
    for axis in ("valence", "arousal"):
        y, m = labels[axis], labels.groupby(of)[axis].transform("mean")
        ccc.append(2 * ((y - y.mean()) * (m - m.mean())).mean() / (y.var(ddof=0) + m.var(ddof=0)))
    for au in ("au01_presence", "au12_presence"):
        y, m = labels[au], labels.groupby(of)[au].transform("mean") >= 0.5
        f1.append(2 * (y * m).sum() / (y.sum() + m.sum()))
    assert found == pytest.approx({CCC: np.mean(ccc), F1: np.mean(f1)})


def test_each_limit_stops_and_so_does_a_score_that_is_not_there():
    check_oracle(dict(LIMITS))
    for name in LIMITS:
        with pytest.raises(FeabError, match=rf"{name} of 0\.\d+, above"):
            check_oracle({**LIMITS, name: LIMITS[name] + 0.01})
        with pytest.raises(FeabError, match=f"no {name}"):
            check_oracle({n: v for n, v in LIMITS.items() if n != name})
    with pytest.raises(FeabError, match="above"):
        check_oracle({CCC: float("nan"), F1: 0.1})
    assert set(oracle_scores(pd.DataFrame(_rows(0.4, 0.5)[:8]))) == {CCC}  # too few positives for an F1


def _folder(path: Path, spread: float, flips: float) -> Path:
    rows = [{**row, "image": JPEG} for row in _rows(spread, flips)]
    write_split(path, "test", rows, INFO)
    (path / "gate.json").write_text('{"coded": [1, 12], "aus": {}}', encoding="utf-8")
    return path


def test_a_good_split_gets_its_scores_into_the_gate_file(tmp_path: Path):
    folder = _folder(tmp_path, 0.6, 0.9)
    found = record_oracle(folder)
    gate = json.loads((folder / "gate.json").read_text(encoding="utf-8"))
    assert gate == {"coded": [1, 12], "aus": {}, "oracle": found}
    assert set(found) == set(LIMITS)
    assert record_oracle(folder) == found  # again, over what is there


def test_a_split_that_the_class_gives_away_stops_and_writes_nothing(tmp_path: Path):
    folder = _folder(tmp_path, 0.1, 0.1)
    before = (folder / "gate.json").read_bytes()
    with pytest.raises(FeabError, match="mean CCC"):
        record_oracle(folder)
    assert (folder / "gate.json").read_bytes() == before
    (folder / "gate.json").unlink()
    with pytest.raises(FeabError, match="run_gate"):
        record_oracle(folder)
