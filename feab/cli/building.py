"""`feab data build`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from feab.cli.output import out, rows, say
from feab.cli.preparing import Counting

if TYPE_CHECKING:
    from feab.data.benchmark import Built


def build(name: str, root: Path | None, to: Path | None, manifest: Path | None, *, again: bool) -> None:
    """Build a set, with progress, and print what is in it and what is lacking."""
    from feab.data.benchmark import DifferentError
    from feab.data.benchmark import build as make

    try:
        with Counting(resumes=False) as progress:
            made = make(name, root, to, manifest=manifest, again=again, on_progress=progress)
    except DifferentError as error:
        for difference in error.differences:
            out(str(difference))
        raise
    out(f"{made.info.name}: {made.folder}")
    _sources(made)
    split = made.info.splits[made.recipe.split]
    levels = ", ".join(f"{level.replace('_', ' ')} {n:,}" for level, n in made.counts.levels.items())
    expressions = ", ".join(f"{label} {made.counts.expressions[label]:,}" for label in made.info.labels)
    for key, value in (
        ("split", f"{made.recipe.split}, {split.n:,} of {made.recipe.images:,} faces"),
        ("labelled", levels),
        ("expression", expressions),
        *(
            (f"AUs of {source}", ", ".join(f"{au} {there:,}/{coded:,}" for au, (coded, there) in units.items()))
            for source, units in made.counts.units.items()
        ),
        ("fingerprint", split.fingerprint),
        ("manifest", str(made.manifest_file)),
    ):
        out(f"  {key:<20} {value}")
    if not made.whole:
        say(f"PARTIAL: this is not {made.recipe.set}, and is called {made.info.name}.")
        for missing in made.manifest.missing:
            say(f"  {missing}: not there (split {made.recipe.sources[missing].split})")
    say("The pictures stay under the licences of their datasets; the manifest can be published, it holds no picture.")


def _sources(made: Built) -> None:
    """What each source gives, a line each."""
    lines = []
    for name, source in made.manifest.sources.items():
        left_out = [f"copies {source.copies:,}"] * bool(source.copies)
        left_out += [f"near-duplicates {source.near_duplicates:,}"] * bool(source.near_duplicates)
        people = f"{source.people:,}" if source.people else ""
        share = f"{source.chosen:,}/{source.wanted:,}"
        lines.append([name, share, people, ", ".join(left_out), "; ".join(source.short)])
    rows(["source", "faces", "people or videos", "left out", "lacks"], lines)
