"""`feab`: its verbs together, what their errors become, and the console script.

Here and in the files of verbs only typer is imported, so that `feab --help` answers at once.
"""

from __future__ import annotations

import io
import os
import platform
import sys
from typing import Annotated, Any

import typer
import typer.core

import feab
from feab.cli import (
    verbs_answers,
    verbs_board,
    verbs_data,
    verbs_files,
    verbs_knowledge,
    verbs_leaderboard,
    verbs_models,
    verbs_seke,
    verbs_seke_feid,
)
from feab.cli.verbs_files import COMPLETING
from feab.errors import FeabError

COMPLETE, WRONG_USE, INCOMPLETE, INTERRUPTED = 0, 2, 3, 130
"""Exit statuses."""


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
app.add_typer(verbs_answers.verbs)
app.add_typer(verbs_board.verbs)
app.add_typer(verbs_leaderboard.verbs)
app.add_typer(verbs_files.verbs)
app.add_typer(verbs_data.data)
app.add_typer(verbs_models.models)
app.add_typer(verbs_knowledge.verbs)
verbs_seke.seke.add_typer(verbs_seke_feid.verbs)
app.add_typer(verbs_seke.seke)


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
