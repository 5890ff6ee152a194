"""Verbs about what is there and whether it is in order: tasks, train, validate, doctor, completion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from feab.cli.options import Include, Json
from feab.errors import FeabError

COMPLETING = "_FEAB_COMPLETE"
"""Environment variable by which a shell asks what could come next."""

verbs = typer.Typer()
"""Joined to `feab` as they are."""


@verbs.command(epilog="\b\nExamples:\n  feab tasks\n  feab tasks --include my-tasks/")
def tasks(include: Include = None) -> None:
    """What can be asked: tasks and groups."""
    from feab.cli.listing import show_tasks

    show_tasks(include or [])


@verbs.command(
    epilog="\b\nExamples:\n  feab train training/tiny.yaml\n  feab train tiny --seed 1 --out my-tiny/"
    "\n  feab train feab-tiny-lora --data my-feid/ --out my-lora/"
    "\n  feab run --model feab-tiny -M adapter=my-lora/"
    "\n  accelerate launch --config_file training/accelerate/ddp.yaml -m feab.cli train llava-1.5-7b-lora --data feid/"
    "\n\nThe same command goes on with a fine-tuning that was interrupted."
)
def train(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe: its path, or its name in training/.")],
    data: Annotated[
        str | None, typer.Option("--data", metavar="FEID_DIR", help="Fine-tuning: the instruction data.")
    ] = None,
    base: Annotated[
        str | None, typer.Option("--base", metavar="MODEL", help="Fine-tuning: instead of the recipe's base.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where the model goes.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Instead of the recipe's seed.")] = None,
    report: Annotated[
        list[str] | None, typer.Option("--report", metavar="WHERE", help="Curves also to wandb or trackio.")
    ] = None,
    push: Annotated[
        str | None, typer.Option("--push", metavar="REPO", help="Upload the result to the Hub (OWNER/NAME; private).")
    ] = None,
) -> None:
    """Make a model by a recipe: from nothing, or by fine-tuning."""
    from feab.cli.training import train_and_show

    train_and_show(recipe, out, seed, data=data, base=base, report_to=report or (), push=push)


@verbs.command(
    short_help="Check tasks, cards, recipes, datasets, runs: every problem, with its place.",
    epilog="\b\nExamples:\n  feab validate my-tasks/mine.yaml\n  feab validate runs/"
    "\n  feab validate RUN --data my-faces/\n  feab validate . --json | jq .errors"
    "\n\nExit status: 0 clean (warnings apart), 2 with problems.",
)
def validate(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...", help="A task file, model card, recipe, run folder, dataset folder, or a folder of such."
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="NAME|DIR", help="The dataset that runs were asked about, if not known by name."
        ),
    ] = None,
    include: Include = None,
    json: Json = False,
) -> None:
    """Check files from end to end: prompts are filled in, images decoded, answers read again, scores computed anew."""
    from feab.cli.validating import validate_and_show

    raise typer.Exit(validate_and_show(paths, data, include or [], as_json=json))


@verbs.command(
    short_help="What is installed, where things lie, what stands in the way.",
    epilog="\b\nExamples:\n  feab doctor\n  feab doctor --deep\n  feab doctor --json > doctor.json"
    "\n\nExit status: 0, or 2 when `feab run --model feab-tiny` cannot work.",
)
def doctor(
    deep: Annotated[
        bool, typer.Option("--deep", help="Ask torch for GPUs and check sums of weights, too (seconds).")
    ] = False,
    json: Json = False,
) -> None:
    """What is installed and what each extra adds, where data and caches lie, which GPUs and keys are seen.

    Of a key only whether it is set is told, never its value.
    """
    from feab.cli.doctor import examine_and_show

    raise typer.Exit(examine_and_show(deep=deep, as_json=json))


@verbs.command(
    short_help="Completion of verbs, options and names for your shell.",
    epilog='\b\nExamples:\n  eval "$(feab completion bash)"                              # in ~/.bashrc'
    '\n  eval "$(feab completion zsh)"                               # in ~/.zshrc, after compinit'
    "\n  feab completion fish > ~/.config/fish/completions/feab.fish",
)
def completion(
    shell: Annotated[str, typer.Argument(metavar="bash|zsh|fish", help="Your shell.")],
) -> None:
    """Print what makes your shell complete verbs, options, and the names of models, tasks and datasets."""
    if shell not in ("bash", "zsh", "fish"):
        raise FeabError(f"no completion for {shell!r}: there is bash, zsh and fish")
    from typer._completion_shared import get_completion_script

    print(get_completion_script(prog_name="feab", complete_var=COMPLETING, shell=shell))  # noqa: T201
