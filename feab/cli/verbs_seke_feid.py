"""`feab seke feid` and `feab seke report`: what becomes of annotations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from feab.cli import completing
from feab.cli.options import Arguments, Include, MaxCost, Permission

verbs = typer.Typer()
"""Joined to `feab seke` as they are."""

Place = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="NAME|DIR|CSV",
        help="The annotated dataset, where it lies elsewhere than when it was annotated.",
        autocompletion=completing.datasets,
    ),
]


@verbs.command(
    short_help="Make instruction data (FEID) from annotations.",
    epilog="\b\nExamples:\n  feab seke feid rafdb-seke/ --out rafdb-feid/"
    "\n  feab seke feid rafdb-seke/ affectnet-seke/ disfa-seke/ --out feid/ --name FEID"
    "\n  feab seke feid rafdb-seke/ --out small/ --kinds coarse,fine,choice=2 --formats none"
    "\n  feab seke feid rafdb-seke/ --out feid/ --rewrite qwen2.5-vl-7b"
    "\n\nRejected levels are in no conversation. The same annotations and seed give the same files."
    "\nTraining, and `feab validate`, refuse a folder with a missing picture, an empty answer or an unknown label.",
)
def feid(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="DIR...", help="Folders that `feab seke annotate` made, of different datasets."),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The FEID folder; a FEID that is there is replaced.")
    ],
    kinds: Annotated[
        list[str] | None,
        typer.Option(
            "--kinds",
            metavar="KIND[=N]",
            help="Kinds of conversation, and how many a face: coarse, dimensional, fine, correlation, conversation, "
            "choice, ferid_category, ferid_conversation; comma-separated, repeatable.  [default: all; choice=3]",
        ),
    ] = None,
    tasks: Annotated[
        list[str] | None,
        typer.Option(
            "--tasks",
            metavar="NAMES",
            help="Ask each face the questions of these tasks of feab's, too, in their own words. It teaches the "
            "benchmark's form, and the card says so.",
            autocompletion=completing.tasks,
        ),
    ] = None,
    formats: Annotated[
        str,
        typer.Option("--formats", metavar="NAMES", help="Beside Parquet: llava (LLaVA, ShareGPT), ferid, or none."),
    ] = "llava,ferid",
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of wordings and the order of options.")] = 0,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Of the FEID.  [default: the folder's]")
    ] = None,
    data: Place = None,
    templates: Annotated[
        Path | None, typer.Option("--templates", metavar="DIR", help="Wordings of your own, as generation/templates/.")
    ] = None,
    rewrite: Annotated[
        str | None,
        typer.Option(
            "--rewrite",
            metavar="MODEL",
            help="A model that puts answers into other words. It gets text, never a face; what contradicts the "
            "annotation is refused. The text states people's labels: a third party gets it only with permission.",
        ),
    ] = None,
    permission: Permission = None,
    max_cost: MaxCost = None,
    include: Include = None,
    arguments: Arguments = None,
) -> None:
    """Make instruction data: three descriptions of each face, how they go together, conversations and short questions.

    In the form of Hugging Face's datasets and TRL's vision training, of LLaVA and ShareGPT, with FERID's two kinds and
    a dataset card.
    """
    from feab.cli.seke_feid import make_and_show

    make_and_show(
        folders, out, kinds or [], formats, arguments or [], include or [], tasks=tasks or (), seed=seed, name=name,
        data=data, templates=templates, rewrite=rewrite, permission=permission, max_cost=max_cost,
    )  # fmt: skip


@verbs.command(
    epilog="\b\nExamples:\n  feab seke report rafdb-seke/\n  feab seke report study/ --out study.html"
    "\n  feab seke report rafdb-seke/ --data datasets/rafdb/"
)
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `feab seke annotate` made.")],
    data: Place = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to.  [default: report.html in the folder]")
    ] = None,
) -> None:
    """A page on a folder of annotations: uncertainty, samples, cost, agreement where it can be checked, faces."""
    from feab.cli.seke_feid import report_annotated

    raise typer.Exit(report_annotated(folder, data, out))
