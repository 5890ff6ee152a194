"""The constants of the baseline cards, computed from a training split's labels.

Run `python -m feab.models.constants --write` after the training split of `synth` changed.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feab.content import shipped
from feab.errors import FeabError
from feab.vocabulary import EXPRESSIONS, FEAB_17

if TYPE_CHECKING:
    import pandas as pd

CARDS = ("baseline-majority.yaml", "baseline-always-active.yaml")


def constants_from_labels(labels: pd.DataFrame) -> dict[str, Any]:
    """What a player who knows only the training labels answers.

    Args:
        labels: one row a sample with columns `expression`, `valence`, `arousal` and `auNN_presence` (0, 1 or null),
            as `Dataset.labels()` gives; null is not labelled, and does not count.

    Returns:
        `expressions`: all labels, commonest first (ties in the vocabulary's order). `valence`, `arousal`: means,
        rounded to three digits. `action_units`: those present in more than half of the samples where they are coded.

    Raises:
        FeabError: when a needed column is missing or empty.
    """
    for column in ("expression", "valence", "arousal"):
        if column not in labels or labels[column].dropna().empty:
            raise FeabError(f"the training labels have no {column}")
    counts = labels["expression"].value_counts()
    order = sorted(EXPRESSIONS, key=lambda label: (-int(counts.get(label, 0)), EXPRESSIONS.index(label)))
    units = []
    for unit in FEAB_17:
        column = f"au{unit:02d}_presence"
        coded = labels[column].dropna() if column in labels else None
        if coded is not None and len(coded) and float(coded.mean()) > 0.5:
            units.append(unit)
    return {
        "expressions": order,
        "valence": round(float(labels["valence"].mean()), 3),
        "arousal": round(float(labels["arousal"].mean()), 3),
        "action_units": units,
    }


def args_line(constants: dict[str, Any]) -> str:
    """The `args:` line of a baseline card."""
    order = ", ".join(constants["expressions"])
    units = ", ".join(map(str, constants["action_units"]))
    return (
        f"args: {{expressions: [{order}], valence: {constants['valence']}, arousal: {constants['arousal']}, "
        f"action_units: [{units}]}}"
    )


def write_cards(constants: dict[str, Any], folder: Path) -> None:
    """Replace the `args:` line of the two baseline cards in a folder.

    Raises:
        FeabError: when a card has no such line.
    """
    line = args_line(constants)
    for name in CARDS:
        path = folder / name
        text, count = re.subn(r"(?m)^args: .*$", line, path.read_text(encoding="utf-8"))
        if count != 1:
            raise FeabError(f"{path}: exactly one line must begin with 'args: '")
        path.write_text(text, encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """Compute the constants of a training split and print them, or write them into the shipped cards."""
    from feab.data import load_dataset

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", default="synth")
    parser.add_argument("--split", default="train")
    parser.add_argument("--write", action="store_true", help="rewrite models/baseline-*.yaml")
    given = parser.parse_args(argv)
    constants = constants_from_labels(load_dataset(given.data, split=given.split).labels())
    sys.stdout.write(args_line(constants) + "\n")
    if given.write:
        write_cards(constants, shipped("models"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
