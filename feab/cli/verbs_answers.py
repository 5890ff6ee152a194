"""Verbs about answers: run, score, report, compare, ask, import, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from feab.cli import completing
from feab.cli.options import (
    Arguments,
    Cache,
    Columns,
    DryRun,
    Gpus,
    Images,
    Include,
    Json,
    Labels,
    MaxCost,
    Model,
    Permission,
    RayAddress,
    Replicas,
    Tasks,
)

verbs = typer.Typer()
"""Joined to `feab` as they are."""


@verbs.command(
    epilog="\b\nExamples:\n  feab run --model feab-tiny"
    "\n  feab run --model baseline/uniform --tasks synth_expression --limit 100"
    "\n  feab run --model hf/Qwen/Qwen2.5-VL-7B-Instruct --prompts all -M max_pixels=262144"
    "\n  feab run --model feab-tiny --data my-faces/                    # my-faces/happy/1.jpg, ..."
    "\n  feab run --model feab-tiny --data labels.csv --column image=path --column expression=emotion"
    "\n  feab run --model feab-tiny --scoring choices          # probabilities, calibration, AUROC"
    "\n  feab run --model mock/answers.yaml --data my-faces/ --json > scores.json"
    "\n  feab run --model openai/qwen -M base_url=http://127.0.0.1:8000/v1 --cache answers/"
    "\n  feab run --model hf/Qwen/Qwen2.5-VL-7B-Instruct --tasks synth_dynamic --frames apex:3"
    "\n  feab run --model openai/gpt-4o --dry-run   (the key is read from OPENAI_API_KEY)"
    "\n  feab run --model hf/Qwen/Qwen2.5-VL-7B-Instruct --replicas 4   (one on each of 4 GPUs)"
    "\n  feab run --model vllm/Qwen/Qwen2.5-VL-72B-Instruct -M tensor_parallel_size=4 --replicas 8"
    " --gpus-per-replica 4 --ray-address 10.0.0.5:6379"
    "\n\nExit status: 0 complete, 2 wrong use or input, 3 incomplete, 130 interrupted."
)
def run(
    model: Model,
    tasks: Annotated[
        list[str] | None,
        typer.Option(
            "--tasks",
            "-t",
            metavar="NAMES",
            help="Tasks or groups; comma-separated, repeatable.  [default: synth, or made for the labels of --data]",
            autocompletion=completing.tasks,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="NAME|DIR|CSV",
            help="A dataset's name or folder, a folder of class folders, or a CSV file, instead of the tasks' own.",
            autocompletion=completing.datasets,
        ),
    ] = None,
    columns: Columns = None,
    images: Images = None,
    au_threshold: Annotated[
        float | None,
        typer.Option(
            "--au-threshold",
            metavar="X",
            help="With --data: the intensity (0 to 5) from which an AU is present.  [default: 2]",
            show_default=False,
        ),
    ] = None,
    prompts: Annotated[
        list[str] | None,
        typer.Option(
            "--prompts", "-p", metavar="NAMES", help="Prompt variants, comma-separated, or all.  [default: direct]"
        ),
    ] = None,
    frames: Annotated[
        str | None,
        typer.Option(
            "--frames",
            metavar="CHOICE",
            help="Which frames of clips: uniform:8, apex:3, rate:2 (a second).  [default: the task's]",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", metavar="N", min=1, help="At most N faces a task, spread over the whole set by --seed."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="The run folder.  [default: runs/MODEL/HASH]", show_default=False),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Chooses the faces of --limit, and seeds answers that are drawn.")
    ] = 0,
    draws: Annotated[
        int,
        typer.Option("--draws", metavar="N", min=1, help="Answers per question; several are drawn at temperature 1."),
    ] = 1,
    scoring: Annotated[
        str,
        typer.Option(
            "--scoring",
            metavar="generate|choices|yes-no",
            help="The model writes its answers; or of a closed set the likeliest is taken, with probabilities; yes-no: "
            "each action unit is asked for by itself, for APIs that show an answer's first token only.",
        ),
    ] = "generate",
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
    """Ask a model about faces and score its answers. The same command resumes."""
    from feab.cli.own import OwnData
    from feab.cli.run import estimate_and_show, run_and_show

    own = OwnData(data, columns or [], images, au_threshold)
    asked: dict[str, Any] = {
        "prompts": prompts or ["direct"], "limit": limit, "seed": seed, "draws": draws, "scoring": scoring,
        "frames": frames, "include": include or [],
    }  # fmt: skip
    if dry_run:
        estimate_and_show(model, tasks, arguments or [], own, as_json=json, **asked)
        return
    limits = {"out": out, "permission": permission, "cache": cache, "max_cost": max_cost}
    copies = {"replicas": replicas, "ray_address": ray_address, "gpus_per_replica": gpus_per_replica}
    status = run_and_show(model, tasks, arguments or [], own, as_json=json, **asked, **limits, **copies)
    raise typer.Exit(status)


@verbs.command(
    short_help="Score a run folder again.",
    epilog="\b\nExamples:\n  feab score runs/feab-tiny/0123456789ab\n  feab score RUN --data my-faces/"
    "\n  feab score RUN --json | jq .overall",
)
def score(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    data: Labels = None,
    columns: Columns = None,
    include: Include = None,
    json: Json = False,
) -> None:
    """Score a run folder again, from its predictions and the labels alone."""
    from feab.cli.run import score_and_show

    raise typer.Exit(score_and_show(run, data, columns or [], include or [], as_json=json))


@verbs.command(
    short_help="Write a run's report, one HTML page.",
    epilog="\b\nExamples:\n  feab report runs/feab-tiny/0123456789ab\n  feab report RUN --data my-faces/ --out a.html",
)
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="NAME|DIR", help="Take faces and labels from this dataset (name or folder)."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="The page to write.  [default: RUN/report.html]", show_default=False
        ),
    ] = None,
    include: Include = None,
) -> None:
    """Write a run's report: scores beside chance, confusions, slices and a gallery, in one page that opens offline."""
    from feab.cli.reporting import report_and_show

    raise typer.Exit(report_and_show(run, data, out, include or []))


@verbs.command(
    short_help="Are models different, and which places may each hold?",
    epilog="\b\nExamples:\n  feab compare runs/feab-tiny/0123456789ab runs/baseline-fer/ba9876543210"
    "\n  feab compare RUN RUN RUN --json | jq .overall",
)
def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="Run folders, two or more.")],
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="NAME|DIR", help="Take the labels from this dataset (name or folder)."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of the resampling and the permutations.")] = 0,
    include: Include = None,
    json: Json = False,
) -> None:
    """Compare runs about the same faces: differences with intervals and corrected p-values, and the places of each."""
    from feab.cli.comparing import compare_and_show

    compare_and_show(runs, data, include or [], seed, as_json=json)


@verbs.command(
    short_help="Ask about pictures of your own; nothing is scored.",
    epilog="\b\nExamples:\n  feab ask --model feab-tiny face.jpg"
    "\n  feab ask --model hf/Qwen/Qwen2.5-VL-7B-Instruct *.jpg --prompts reason"
    "\n  feab ask -m feab-tiny face.jpg --json",
)
def ask(
    pictures: Annotated[list[Path], typer.Argument(help="Pictures of faces.", metavar="FACE...")],
    model: Model,
    tasks: Tasks = None,
    prompts: Annotated[str, typer.Option("--prompts", "-p", metavar="NAME", help="The prompt variant.")] = "direct",
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Seeds answers that are drawn.")] = 0,
    include: Include = None,
    arguments: Arguments = None,
    json: Json = False,
) -> None:
    """What a model says about a picture: expression, valence-arousal and action units, parsed, with the raw text."""
    from feab.cli.asking import ask_and_show

    raise typer.Exit(
        ask_and_show(
            model, pictures, tasks or ["synth"], prompts, include or [], arguments or [], seed=seed, as_json=json
        )
    )


@verbs.command(
    "import",
    short_help="Make a run folder from answers that others collected.",
    epilog="\b\nExamples:\n  feab import answers.csv --tasks synth_expression --model gpt-4v --out runs/gpt-4v"
    "\n  feab import labels.json --tasks my_expression --data my-faces/ --model theirs --out runs/theirs"
    "\n  feab import table.csv --column id=img --column expression=pred -t synth_expression -m x --out runs/x"
    "\n  feab import lm-eval-output/ --format lm-eval --tasks synth --model my-vlm --out runs/my-vlm"
    "\n\nColumns: id (or image, filename); text, or expression (label, prediction), valence, arousal, au01, ...; task, "
    "prompt, draw.\n\nExit status: 0 complete, 2 wrong use or input, 3 incomplete, 130 interrupted.",
)
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file, or lm-eval's folder of samples.")],
    model: Annotated[str, typer.Option("--model", "-m", metavar="NAME", help="Whose answers they are.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The run folder to make.")],
    tasks: Tasks = None,
    format: Annotated[
        str | None,
        typer.Option("--format", metavar="csv|jsonl|json|lm-eval", help="By default told from the file's name."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="NAME|DIR|CSV", help="The dataset the answers are about, if not the tasks' own."
        ),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="OURS=THEIRS", help="What the file calls a column, as id=img; repeatable."),
    ] = None,
    missing: Annotated[
        str,
        typer.Option(
            "--missing",
            metavar="incomplete|no-answer",
            help="Faces without an answer leave the run incomplete, or count as answers that could not be read: wrong.",
        ),
    ] = "incomplete",
    include: Include = None,
    json: Json = False,
) -> None:
    """Make a run folder from answers that others collected, as text or labels, and score it."""
    from feab.cli.importing import import_and_show

    options = {"tasks": tasks, "model": model, "out": out, "format": format, "data": data, "missing": missing}
    raise typer.Exit(import_and_show(file, column or [], as_json=json, include=include or [], **options))


@verbs.command(
    short_help="Write a run's predictions for other programs.",
    epilog="\b\nExamples:\n  feab export RUN --format csv --out answers.csv"
    "\n  feab export RUN --format csv --labels --out answers.csv\n  feab export RUN --format lm-eval --out lm-eval/"
    "\n  feab export RUN --format hub-eval --hub-dataset OWNER/NAME --out my-model/",
)
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    out: Annotated[Path, typer.Option("--out", metavar="PATH", help="The file (csv) or folder to write.")],
    format: Annotated[str, typer.Option("--format", metavar="csv|lm-eval|hub-eval", help="The form.")] = "csv",
    labels: Annotated[bool, typer.Option("--labels", help="csv: add the truth, in columns true_...")] = False,
    hub_dataset: Annotated[
        str | None,
        typer.Option("--hub-dataset", metavar="OWNER/NAME", help="hub-eval: where on the Hub the faces are."),
    ] = None,
    data: Labels = None,
    include: Include = None,
) -> None:
    """Write a run's predictions for other programs; `feab import` reads them back.

    hub-eval writes its scores, into the folder of a model's repository on the Hugging Face Hub: .eval_results/feab.yaml
    as it is, and model-index.yaml, whose lines belong into the metadata of the model card.
    """
    from feab.cli.importing import export_and_show

    export_and_show(run, out, format=format, labels=labels, data=data, hub_dataset=hub_dataset, include=include or [])
