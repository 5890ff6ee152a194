"""Making models: recipes in, model folders out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["train"]


def train(
    recipe: str | Path,
    *,
    out: str | Path | None = None,
    log: Callable[[dict[str, Any]], None] | None = None,
    **override: Any,
) -> Path:
    """Train the model of a recipe file and return its folder.

    Args:
        recipe: a YAML file, such as `training/tiny.yaml`.
        out: the folder to make; default `runs/training/<recipe name>-seed<seed>`.
        log: called with every progress event; default prints a line each to stderr.
        **override: fields of the recipe to replace, such as `seed=1`.

    Raises:
        FeabError: for a bad recipe, an occupied folder, or missing extras.
    """
    from feab.training.recipe import load_recipe
    from feab.training.scratch import train_scratch

    plan = load_recipe(Path(recipe), **override)
    folder = Path(out) if out is not None else Path("runs") / "training" / f"{plan.name}-seed{plan.seed}"
    return train_scratch(plan, folder, log=log or _say)


def _say(event: dict[str, Any]) -> None:
    import sys

    words = [f"{key} {value:.3f}" if isinstance(value, float) else f"{key} {value}" for key, value in event.items()]
    print("  ".join(words), file=sys.stderr, flush=True)  # noqa: T201
