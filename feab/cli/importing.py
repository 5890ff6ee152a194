"""`feab import` and `feab export`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from feab.cli.output import say
from feab.cli.rendering import Rendering
from feab.cli.run import show
from feab.errors import FeabError
from feab.runs import Imported, export_run, import_run
from feab.runs.outside.intake import Noted


def import_and_show(path: Path, columns: Sequence[str], *, as_json: bool, **options: Any) -> int:
    """Import, say what became of the rows, print the scores, and return the exit status."""
    with Rendering(cached=True) as faces, Rendering(doing="reading") as bar:
        done = import_run(path, columns=_columns(columns), on_progress=bar, on_rendering=faces, **options)
    for line in in_words(done):
        say(line)
    scores = done.run.scores
    assert scores is not None  # an import has been scored
    return show(done.run, scores, as_json=as_json)


def _columns(given: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in given:
        ours, equals, theirs = pair.partition("=")
        if not equals or not theirs or ours in found:
            raise FeabError(f"--column {pair}: write OURS=THEIRS, each of ours once, as in --column id=img")
        found[ours] = theirs
    return found


def in_words(done: Imported) -> list[str]:
    """What became of the rows, a line each."""
    found = [f"{count:,} by {how}" for how, count in done.matched.items()]
    lines = [f"{done.rows:,} rows; faces found: {', '.join(found) or 'none'}"]
    lines += map(_line, done.noted)
    if done.missing.count:
        taken = done.run.manifest.identity.adapter_args["missing"] == "no-answer"
        lines.append(_line(done.missing) + (" - taken for answers that could not be read" if taken else ""))
    return lines


def _line(noted: Noted) -> str:
    more = ", ..." if noted.count > len(noted.first) else ""
    return f"{noted.count:,} {noted.what}: {', '.join(noted.first)}{more}"


def export_and_show(run: Path, out: Path, **options: Any) -> None:
    """Export and say what was written, and whose labels it holds."""
    with Rendering(cached=True) as bar:
        done = export_run(run, out, on_progress=bar, **options)
    for path in done.files:
        say(f"wrote {path}")
    if done.predictions:
        say(f"{done.predictions:,} predictions")
    if done.left_out:
        say(f"{done.left_out:,} failures left out: lm-eval has no place for them")
    for name in done.labels_of:
        say(f"holds labels of {name}: its terms hold for these files too")
