"""`feab seke`: instruction data by SEKE."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from feab.cli import completing
from feab.cli.options import (
    Arguments,
    Cache,
    DryRun,
    Gpus,
    Include,
    Json,
    MaxCost,
    Model,
    Permission,
    RayAddress,
    Replicas,
)

seke = typer.Typer(
    name="seke",
    help="Instruction data: a model completes what people left unlabelled, as far as it can be trusted (SEKE).",
    short_help="Instruction data by SEKE: annotate, feid, report.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@seke.command(
    short_help="Have a model annotate what people left unlabelled.",
    epilog="\b\nExamples:"
    "\n  feab seke annotate --data rafdb --model hf/Qwen/Qwen2.5-VL-7B-Instruct --out rafdb-seke/"
    "\n  feab seke annotate --data affectnet --model openai/gpt-4o --max-cost 200 --out affectnet-seke/ --dry-run"
    "\n  feab seke annotate --data synth --split test --given action_units --model feab-tiny --out study/"
    "\n  feab seke annotate --data disfa --model vllm/Qwen/Qwen2.5-VL-7B-Instruct --replicas 4 --out disfa-seke/"
    "\n\nHuman labels are kept as they are. What is generated is accepted only as far as faces with hidden human labels"
    " show it to be right; all else is rejected and says so. The same command resumes."
    "\n\nExit status: 0 complete, 2 wrong use or input, 3 incomplete, 130 interrupted.",
)
def annotate(
    data: Annotated[
        str,
        typer.Option(
            "--data",
            metavar="NAME|DIR|CSV",
            help="A dataset's name or folder, a folder of class folders, or a CSV file.",
            autocompletion=completing.datasets,
        ),
    ],
    model: Model,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder of annotations.")],
    recipe: Annotated[
        str,
        typer.Option("--recipe", metavar="FILE", help="How to annotate: a YAML file, or the name of a shipped one."),
    ] = "seke",
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            metavar="NAME",
            help="Which split.  [default: train where there is one, else test]",
            show_default=False,
        ),
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--given",
            metavar="LEVELS",
            help="For studies: show the model these levels only (expression, valence_arousal, action_units, or none) "
            "and hide people's labels of the others; comma-separated, repeatable.  [default: hide nothing]",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="N", min=1, help="At most N faces, spread by the recipe's seed."),
    ] = None,
    include: Include = None,
    arguments: Arguments = None,
    json: Json = False,
    permission: Permission = None,
    cache: Cache = None,
    max_cost: MaxCost = None,
    replicas: Replicas = None,
    ray_address: RayAddress = None,
    gpus_per_replica: Gpus = None,
    dry_run: DryRun = False,
) -> None:
    """Complete the levels that people left out: expression, valence and arousal, action units.

    Every face is asked about in several ways, again while that pays, and doubtful answers are verified.
    """
    from feab.cli.seke import annotate_and_show, estimate_and_show

    asked: dict[str, Any] = {"split": split, "given": given, "limit": limit, "include": include or []}
    if dry_run:
        estimate_and_show(model, data, recipe, arguments or [], as_json=json, **asked)
        return
    limits = {"out": out, "permission": permission, "cache": cache, "max_cost": max_cost}
    copies = {"replicas": replicas, "ray_address": ray_address, "gpus_per_replica": gpus_per_replica}
    status = annotate_and_show(model, data, recipe, arguments or [], as_json=json, **asked, **limits, **copies)
    raise typer.Exit(status)
