"""Making models: recipes in, model folders out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from feab.errors import FeabError

__all__ = ["train"]


def train(
    recipe: str | Path,
    *,
    out: str | Path | None = None,
    data: str | Path | None = None,
    base: str | None = None,
    report_to: Sequence[str] = (),
    push: str | None = None,
    log: Callable[[dict[str, Any]], None] | None = None,
    **override: Any,
) -> Path:
    """Train the model of a recipe file and return its folder.

    Args:
        recipe: a YAML file, such as `training/tiny.yaml`.
        out: the folder to make; default `runs/training/<recipe name>-seed<seed>`.
        data: for `method: sft`, the FEID folder that is learnt from, in place of the recipe's.
        base: for `method: sft`, what is fine-tuned, in place of the recipe's.
        report_to: for `method: sft`, further places for the curves: "wandb", "trackio".
        push: a repository of the Hub (OWNER/NAME) that the result is uploaded to; made, and private, if it is new.
        log: called with every progress event; default prints a line each to stderr.
        **override: fields of the recipe to replace, such as `seed=1`.

    Raises:
        FeabError: for a bad recipe, an occupied folder, data that are not as they should be, or missing extras.
        KeyboardInterrupt: on Ctrl-C; a fine-tuning goes on where it was when the same is called again.
    """
    from feab.training.recipe import load_recipe
    from feab.training.sft.recipe import SftRecipe

    plan = load_recipe(Path(recipe), **override)
    folder = Path(out) if out is not None else Path("runs") / "training" / f"{plan.name}-seed{plan.seed}"
    if isinstance(plan, SftRecipe):
        from feab.training.sft.run import train_sft

        made = train_sft(plan, folder, data=data, base=base, report_to=report_to, log=log or _say)
    elif data is not None or base is not None or report_to:
        raise FeabError("data, base and further reports go with `method: sft`; `method: scratch` begins from nothing")
    else:
        from feab.training.scratch import train_scratch

        made = train_scratch(plan, folder, log=log or _say)
    if push is not None:
        from feab.training.push import push_folder

        (log or _say)({"stage": "uploaded", "to": push_folder(made, push)})
    return made


def _say(event: dict[str, Any]) -> None:
    import sys

    words = [f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in event.items()]
    print("  ".join(words), file=sys.stderr, flush=True)  # noqa: T201
