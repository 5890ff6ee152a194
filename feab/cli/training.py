"""`feab train`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from feab.cli.output import say
from feab.errors import FeabError


def train_and_show(
    recipe: str,
    out: Path | None,
    seed: int | None,
    *,
    data: str | None = None,
    base: str | None = None,
    report_to: Sequence[str] = (),
    push: str | None = None,
) -> None:
    """Train by a recipe; where the model went is the last line on stderr."""
    from feab.content import shipped
    from feab.training import train

    path = Path(recipe).expanduser()
    named = shipped("training") / f"{recipe}.yaml"
    if not path.is_file() and path.name == recipe and named.is_file():
        path = named
    if not path.exists() and path.name == recipe:
        known = ", ".join(sorted(file.stem for file in shipped("training").glob("*.yaml")))
        raise FeabError(f"no recipe {recipe!r} here; known are {known}, or give a recipe's path")
    options: dict[str, Any] = {} if seed is None else {"seed": seed}
    made = train(path, out=out, data=data, base=base, report_to=report_to, push=push, **options)
    if os.environ.get("RANK", "0") == "0":  # accelerate starts several of us
        say(f"model: {made}")
