"""Verbs about the leaderboard: submit, verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from feab.cli.options import Include, Json

verbs = typer.Typer()
"""Joined to `feab` as they are."""


@verbs.command(
    short_help="Send a run to a leaderboard, which scores it itself.",
    epilog="\b\nExamples:\n  feab submit RUN --to leaderboard/results"
    "\n  feab submit RUN --to http://127.0.0.1:7860 --user ada  # an app, with its token in FEAB_LEADERBOARD_TOKEN"
    "\n  feab submit RUN --to hf://spaces/OWNER/NAME"
    "\n  feab submit RUN --to hf://datasets/OWNER/NAME          # opens a pull request"
    "\n  feab submit RUN --pack submission.zip                  # sends nothing"
    "\n  feab submit RUN --to DIR --card my-model.yaml"
    "\n\nExit status: 0 listed (or sent), 2 refused or wrong use.",
)
def submit(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A complete run folder.")],
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="DIR|https://…|hf://…", help="The leaderboard: its folder, its app, or its repository."
        ),
    ] = None,
    pack: Annotated[
        Path | None, typer.Option("--pack", metavar="FILE", help="Write what would be sent as a zip, and send nothing.")
    ] = None,
    card: Annotated[
        Path | None,
        typer.Option("--card", metavar="FILE", help="The model's card, where no card here has its name."),
    ] = None,
    user: Annotated[
        str, typer.Option("--user", metavar="NAME", help="Under which name it is listed; a Space goes by your account.")
    ] = "local",
    model_repo: Annotated[
        str | None,
        typer.Option("--model-repo", metavar="OWNER/NAME", help="Propose its scores to this model's page on the Hub."),
    ] = None,
    hub_dataset: Annotated[
        str | None,
        typer.Option("--hub-dataset", metavar="OWNER/NAME", help="With --model-repo: where on the Hub the faces are."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before something leaves this machine.")] = False,
    include: Include = None,
    json: Json = False,
) -> None:
    """Check a run, show exactly what is sent, send it, and say where it stands.

    Sent are the answers, what was asked, and facts of the model: no image, no key, no path or address of this machine.
    Scores are not sent: the leaderboard computes them from its own labels.
    """
    from feab.cli.submitting import Sending, submit_and_show

    sending = Sending(to, pack, user, yes, model_repo, hub_dataset)
    status = submit_and_show(run, sending, card=card, include=include or [], as_json=json)
    raise typer.Exit(status)


@verbs.command(
    short_help="Compute a submission, or a whole leaderboard, again and compare.",
    epilog="\b\nExamples:\n  feab verify submission.zip"
    "\n  feab verify leaderboard/results/submissions/20260131-0123456789ab"
    "\n  feab verify leaderboard/results      # all of it, and the log\n\nExit status: 0 right, 2 with problems.",
)
def verify(
    submission: Annotated[
        Path, typer.Argument(metavar="SUBMISSION", help="A zip, a submission's folder, or a leaderboard's folder.")
    ],
    include: Include = None,
    json: Json = False,
) -> None:
    """Check and score a submission offline, by the rules of a leaderboard, and compare with what is said of it."""
    from feab.cli.submitting import verify_and_show

    raise typer.Exit(verify_and_show(submission, include or [], as_json=json))
