"""Contact sheets of single action units, for a person to look at after the recipes or the shading changed.

One PNG an AU (B, C, D and E, each beside its difference from the same face at rest, then one-sided) and one page of
all. The face is an identity of the validation split; about ten seconds on one core.

    python scripts/single_au_sheets.py --out sheets/ [--identity 3] [--size 224] [--aus 6 12]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from feab.errors import FeabError
from feab.faces.actions import AUS_RENDERED
from feab.faces.sheets import single_au_sheet
from feab.faces.synth import SPLITS, split_identity


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the PNGs go")
    parser.add_argument("--identity", type=int, default=0, help="which person of the validation split")
    parser.add_argument("--size", type=int, default=224, help="pixels of each picture's edge")
    parser.add_argument("--aus", type=int, nargs="+", choices=AUS_RENDERED, default=AUS_RENDERED, metavar="AU")
    given = parser.parse_args(arguments)
    if not 0 <= given.identity < SPLITS["validation"].identities:
        parser.error(f"--identity is 0 to {SPLITS['validation'].identities - 1}")
    who = split_identity(SPLITS["validation"], given.identity)
    pages = {f"au{au:02d}.png": (au,) for au in given.aus} | {"all.png": tuple(given.aus)}
    given.out.mkdir(parents=True, exist_ok=True)
    try:
        for name, aus in pages.items():
            (given.out / name).write_bytes(single_au_sheet(who, aus, size=given.size))
    except FeabError as error:
        sys.exit(f"error: {error}")
    print(f"{given.out}: {len(pages)} sheets")


if __name__ == "__main__":
    main()
