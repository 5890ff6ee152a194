"""Render the test split that travels with feab, and write its data card: after `scripts/run_gate.py`.

python scripts/build_synth.py
"""

from __future__ import annotations

from feab.data.card import write_card
from feab.data.places import embedded_folder
from feab.data.rendered import build_synth


def main() -> None:
    """Run the command line."""
    build_synth("test", embedded_folder())
    print(write_card(embedded_folder()))


if __name__ == "__main__":
    main()
