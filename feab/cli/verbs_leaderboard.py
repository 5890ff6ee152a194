"""`feab leaderboard` and the verbs under it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from feab.cli.options import Include, Json

verbs = typer.Typer(
    name="leaderboard",
    short_help="Serve a leaderboard, and make what it needs.",
    invoke_without_command=True,
    epilog="\b\nExamples:\n  feab leaderboard"
    "\n  feab leaderboard --store hf://datasets/OWNER/NAME --port 8000"
    "\n  feab leaderboard token ada                             # so that ada can submit"
    "\n  feab leaderboard build --out my-space/",
)


@verbs.callback()
def leaderboard(
    context: typer.Context,
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            metavar="DIR|hf://datasets/…",
            help="Where the submissions lie.  [default: leaderboard/results, else FEAB_DATA/leaderboard/results]",
            show_default=False,
        ),
    ] = None,
    host: Annotated[str, typer.Option("--host", metavar="H", help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="P", min=1, max=65535, help="The port.  [default: a free one from 7860 on]"),
    ] = None,
    private: Annotated[
        bool,
        typer.Option(
            "--private", help="For your eyes only: show faces too that their licence does not let you pass on."
        ),
    ] = False,
    include: Include = None,
) -> None:
    """Serve the leaderboard here: ranking, comparison, faces, and a door for submissions."""
    if context.invoked_subcommand is None:
        from feab.cli.serving import serve_and_say

        serve_and_say(store, host, port, include or [], private=private)


@verbs.command(short_help="Give somebody a token to submit with.")
def token(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Under which the submissions are listed.")],
) -> None:
    """Give somebody a token to submit with; an earlier one holds no more.

    It goes to `feab submit` in the environment variable FEAB_LEADERBOARD_TOKEN.
    """
    from feab.cli.serving import give_token

    give_token(name)


@verbs.command(
    short_help="Render or fetch a season: faces that nobody has seen.",
    epilog="\b\nExamples:\n  feab leaderboard season 2027-1        # renders it, on the machine of the leaderboard"
    "\n  feab leaderboard season 2027-1 --from https://… --out .   # fetches it, to run a model on"
    "\n  feab run --model MODEL --tasks synth --data ./synth-2027-1",
)
def season(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A year, a hyphen, and what tells it apart.")],
    source: Annotated[
        str | None, typer.Option("--from", metavar="https://…|hf://spaces/…", help="Fetch it from this leaderboard.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="With --from: where its folder goes.")] = Path(),
    identities: Annotated[int, typer.Option("--identities", metavar="N", help="People; 24 pictures each.")] = 72,
    size: Annotated[int, typer.Option("--size", metavar="PX", help="Width and height of a picture.")] = 224,
) -> None:
    """Render a season, faces nobody has seen whose labels the leaderboard keeps; or fetch its faces from one."""
    from feab.cli.serving import fetch_and_say, season_and_say

    if source is not None:
        fetch_and_say(source, name, out)
    else:
        season_and_say(name, identities, size)


@verbs.command(
    name="verify",
    short_help="Verify a listed submission by a run of your own.",
    epilog="\b\nExamples:\n  feab run --model MODEL --out again"
    "\n  feab leaderboard verify 20260131-0123456789ab --run again --user ada"
    "\n\nExit status: 0 verified, 2 not.",
)
def verify_again(
    submission: Annotated[str, typer.Argument(metavar="SUBMISSION", help="Its id, as the leaderboard shows it.")],
    run: Annotated[Path, typer.Option("--run", metavar="RUN", help="Your complete run of the same model.")],
    user: Annotated[str, typer.Option("--user", metavar="NAME", help="You: somebody else than who submitted it.")],
    store: Annotated[
        str | None,
        typer.Option("--store", metavar="DIR|hf://datasets/…", help="As for `feab leaderboard`.", show_default=False),
    ] = None,
    include: Include = None,
    json: Json = False,
) -> None:
    """Compare your run of a listed model with what was submitted; where they agree, it is listed as verified.

    The run must be of the same model and revision, asked the same about the same faces. It agrees when on every task
    the 95 % interval of the paired difference holds 0. Either way it is kept beside the submission and the log tells of
    it, so that `feab verify` can compute all of it again.
    """
    from feab.cli.serving import rerun_and_say

    raise typer.Exit(rerun_and_say(submission, run, store, user, include or [], as_json=json))


@verbs.command(
    short_help="Write the folder of a Hugging Face Space.",
    epilog="\b\nExamples:\n  feab leaderboard build --out my-space/"
    "\n  cd my-space && pip install -r requirements.txt && python app.py",
)
def build(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new folder.")],
    wheel: Annotated[
        Path | None,
        typer.Option("--wheel", metavar="FILE", help="feab's wheel.  [default: made of what is committed]"),
    ] = None,
) -> None:
    """Write the folder of a Hugging Face Space: app, front matter, requirements, wheel and results.

    It is made from leaderboard/ of the repository that this feab runs from, and is pushed to the Space as it is.
    """
    from feab.cli.serving import build_and_say

    build_and_say(out, wheel)


@verbs.command(
    short_help="Write the eval.yaml of a benchmark on the Hub.",
    epilog="\b\nExamples:\n  feab leaderboard benchmark --tasks feab --out my-dataset/"
    "\n  feab leaderboard benchmark --tasks synth --name 'FEAB synth' --out my-dataset/",
)
def benchmark(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder of the dataset's repository.")],
    tasks: Annotated[
        str, typer.Option("--tasks", metavar="NAMES", help="Tasks or groups, about one dataset.")
    ] = "feab",
    name: Annotated[
        str, typer.Option("--name", metavar="TEXT", help="What people call it.  [default: after the dataset]")
    ] = "",
    include: Include = None,
) -> None:
    """Write eval.yaml, with which a dataset repository of the Hugging Face Hub gathers models' scores.

    Its tasks bear the names that `feab export --format hub-eval` and `feab submit --model-repo` give to scores.
    """
    from feab.cli.serving import benchmark_and_say

    benchmark_and_say(tasks, name, out, include or [])
