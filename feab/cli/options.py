"""Options and arguments that several verbs take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from feab.cli import completing

Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="A card's name, provider/rest (hf/…, vllm/…, openai/…, lm-eval/…, mock/…, baseline/…), or a card's path.",
        autocompletion=completing.models,
    ),
]
Tasks = Annotated[
    list[str] | None,
    typer.Option(
        "--tasks",
        "-t",
        metavar="NAMES",
        help="Tasks or groups; comma-separated, repeatable.  [default: synth]",
        autocompletion=completing.tasks,
    ),
]
Include = Annotated[
    list[Path] | None,
    typer.Option("--include", metavar="DIR", help="A folder of your own tasks and model cards; repeatable."),
]
Arguments = Annotated[
    list[str] | None,
    typer.Option(
        "-M",
        metavar="KEY=VALUE",
        help="An argument of the model's adapter; repeatable. A wrong one is answered with the valid ones.",
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="COLUMN=NAME",
        help="What a column is called in your CSV file, as expression=emotion; repeatable.",
    ),
]
Images = Annotated[
    Path | None,
    typer.Option("--images", metavar="DIR", help="Where the paths in your CSV file start.  [default: its folder]"),
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="NAME|DIR|CSV",
        help="Take the labels from this dataset (name, folder or CSV).",
        autocompletion=completing.datasets,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else there.")]

Data = Annotated[
    str,
    typer.Argument(
        metavar="NAME|DIR|CSV",
        help="A dataset's name or folder, class folders, or a CSV file.",
        autocompletion=completing.datasets,
    ),
]
