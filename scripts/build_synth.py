"""Render the test split that travels with feab, and write its data card: after `scripts/run_gate.py`.

Stops with an error when a player who knows only each face's expression scores above the limits in
`feab.tasks.oracle`; else notes what that player scores in gate.json, from where it gets into the card.

    python scripts/build_synth.py
"""

from __future__ import annotations

import sys

from feab.data.card import write_card
from feab.data.places import embedded_folder
from feab.data.rendered import build_synth
from feab.errors import FeabError
from feab.tasks.oracle import record_oracle


def main() -> None:
    """Run the command line."""
    build_synth("test", embedded_folder())
    try:
        scores = record_oracle(embedded_folder())
    except FeabError as error:
        sys.exit(f"error: {error}")
    print("oracle-from-expression:", ", ".join(f"{name} {value:.3f}" for name, value in scores.items()))
    print(write_card(embedded_folder()))


if __name__ == "__main__":
    main()
