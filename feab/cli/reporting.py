"""`feab report`, and the report that `feab run` ends with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from feab.cli.output import out as say_out
from feab.cli.output import say
from feab.cli.rendering import Rendering
from feab.runs import Interrupted, Run, load_run
from feab.runs.report import Written, write_report

if TYPE_CHECKING:
    from feab.data import Dataset


def report_and_show(path: Path, data: str | None, out: Path | None, include: Sequence[Path]) -> int:
    """Write the report, print its path, and return the exit status: 3 for a run with errors or gaps."""
    run = load_run(path)
    with Rendering(cached=True) as bar:
        written = write_report(run, data, out=out, include=include, on_progress=bar)
    _say_what_it_lacks(written)
    say_out(f"report: {written.path}")
    return 0 if run.complete else 3


def report_after(run: Run, data: Dataset | str | None, include: Sequence[Path], *, as_json: bool) -> None:
    """Write the report of a run that has just been shown; what goes wrong here is said, and nothing else happens.

    Raises:
        Interrupted: on Ctrl-C; the run itself is whole.
    """
    try:
        written = write_report(run, data, include=include)
    except KeyboardInterrupt:
        raise Interrupted(run) from None
    except Exception as error:  # whatever it is, the run is on disk and scored: a page must not turn that into failure
        name = type(error).__name__
        say(f"no report ({name}: {error}); the run is not touched by this. Try again: feab report {run.path}")
        return
    _say_what_it_lacks(written)
    (say if as_json else say_out)(f"report: {written.path}")


def _say_what_it_lacks(written: Written) -> None:
    if written.lacking is not None:
        say(f"the report has no gallery and no figures of single faces: {written.lacking}")
