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
Permission = Annotated[
    str | None,
    typer.Option(
        "--i-have-permission",
        metavar="REFERENCE",
        help="Where it is written that these faces, or their labels, may go to a third party.",
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option("--cache", metavar="DIR", help="Reuse answers that any run with this cache got to the same question."),
]
MaxCost = Annotated[
    float | None,
    typer.Option("--max-cost", metavar="USD", help="Stop before the run could cost more; it can be resumed."),
]
Replicas = Annotated[
    int | None,
    typer.Option(
        "--replicas",
        metavar="N",
        min=1,
        help="Load the model N times, in processes of Ray's, and share the questions out between them.",
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray-address",
        metavar="HOST:PORT|auto",
        help="With --replicas: the Ray cluster to load them on. Each of its machines needs the same feab, what the "
        "model needs, and the API keys in its own environment.  [default: this machine alone]",
        show_default=False,
    ),
]
Gpus = Annotated[
    float | None,
    typer.Option(
        "--gpus-per-replica",
        metavar="G",
        min=0,
        help="With --replicas: GPUs for each, such as 4 or 0.5.  [default: an equal share, 1 at most]",
        show_default=False,
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be asked and what it would cost; send nothing.")
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
