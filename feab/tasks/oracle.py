"""May the embedded set be shipped? Not if knowing the expression alone is enough to score well on its other tasks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from feab import metrics
from feab.data import load_dataset
from feab.data.columns import au_column
from feab.errors import FeabError
from feab.vocabulary import FEAB_17

if TYPE_CHECKING:
    import pandas as pd

CCC, F1 = "mean CCC", "mean AU F1"

LIMITS: dict[str, float] = {CCC: 0.70, F1: 0.55}
"""Score name -> the most that `oracle-from-expression` may reach on rendered faces. Our choice: above it, the tasks
would measure little that the expression task does not."""


def oracle_scores(labels: pd.DataFrame) -> dict[str, float]:
    """What a player scores who is told each face's expression and sees nothing: mean CCC and mean AU F1.

    Args:
        labels: a dataset's label columns; AUs that no face codes are left out, as the tasks leave them out.

    Returns:
        Score name -> number, with the names of `LIMITS`; a score that is undefined on these faces is missing.
    """
    columns = {au: au_column(au, "presence") for au in FEAB_17}
    coded = [au for au, name in columns.items() if name in labels and labels[name].notna().any()]
    found = metrics.oracle_from_expression(
        labels["expression"].astype(object).where(labels["expression"].notna(), None).tolist(),
        labels[["valence", "arousal"]].to_numpy(dtype=float, na_value=float("nan")),
        labels[[columns[au] for au in coded]].to_numpy(dtype=float, na_value=float("nan")) if coded else None,
        coded,
        clusters=labels["subject"].tolist(),
    )
    return {name: found[key] for name, key in ((CCC, "ccc"), (F1, "f1")) if key in found}


def check_oracle(scores: dict[str, float]) -> None:
    """Stop when one of `oracle_scores` is above its limit, or missing.

    Raises:
        FeabError: naming the score and its limit.
    """
    for name, limit in LIMITS.items():
        if name not in scores:
            raise FeabError(f"oracle-from-expression has no {name} on these faces: too few carry such labels")
        if not scores[name] <= limit:
            raise FeabError(
                f"oracle-from-expression reaches a {name} of {scores[name]:.3f}, above {limit:.2f}: the expression "
                "gives too much away. Do not ship this split; vary forms and free combinations more (feab/faces)."
            )


def record_oracle(folder: Path, split: str = "test") -> dict[str, float]:
    """Check the split of a dataset folder and note its two scores under `oracle` in the folder's gate.json.

    Raises:
        FeabError: when a limit is broken (gate.json is then left as it was), or there is no gate.json to write to.
    """
    path = folder / "gate.json"
    if not path.is_file():
        raise FeabError(f"{path}: not there; run scripts/run_gate.py first")
    scores = oracle_scores(load_dataset(folder, split).labels())
    check_oracle(scores)
    scores = {name: round(value, 4) for name, value in scores.items()}
    gate = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**gate, "oracle": scores}, indent=1) + "\n", encoding="utf-8")
    return scores
