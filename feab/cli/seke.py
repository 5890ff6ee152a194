"""`feab seke annotate`: annotate with a progress display, then say what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from feab.cli.output import out, out_json, say
from feab.cli.rendering import Rendering
from feab.cli.run import OPTIONS, parse_arguments, say_replicas
from feab.cli.seke_progress import watcher
from feab.generation.annotate import annotate
from feab.generation.estimate import Load, SekeEstimate, estimate
from feab.generation.store import CONFLICTS, Annotations, in_words
from feab.runs.table import failures
from feab.tasks.task import words_of

OWN = {**OPTIONS, **{name: f"--{name}" for name in ("recipe", "split", "given")}}
"""What `-M` does not set: the parameters of `annotate` by name, with the verb's own option where it has one."""


def annotate_and_show(
    model: str, data: str, recipe: str, arguments: Sequence[str], *, as_json: bool, **options: Any
) -> int:
    """Annotate, print the counts, and return the exit status: 3 when answers are missing."""
    args = parse_arguments(arguments, OWN)
    say_replicas(model, options.get("replicas"))
    options["given"] = _levels(options["given"])
    with watcher() as progress:
        done = annotate(model, data, recipe, progress=progress, **options, **args)
    if as_json:
        out_json(done.manifest.model_dump(mode="json", by_alias=True))
    else:
        for line in summary(done):
            out(line)
    if not done.complete:
        found = failures(done.manifest.outcomes)
        say(f"INCOMPLETE: {found}; the same command asks again" if found != "none" else "INCOMPLETE")
    return 0 if done.complete else 3


def summary(done: Annotations) -> list[str]:
    """What came of it, a few lines."""
    counts, manifest = done.manifest.counts, done.manifest
    faces = max(counts.decided, 1)
    tokens = (manifest.input_tokens or 0) + (manifest.output_tokens or 0)
    spent = f", {tokens:,} tokens" if tokens else ""
    spent += "" if manifest.cost_usd is None else f", ${manifest.cost_usd:.4f}"
    whole = f", and {counts.whole:,} that people labelled fully" if counts.whole else ""
    lines = [
        f"{done.path}: {counts.decided:,} of {counts.faces:,} faces decided{whole}; {counts.calibrated:,} calibrate",
        f"{counts.draws / faces:.1f} answers and {counts.checks / faces:.1f} checks a face{spent}",
        *in_words(counts),
    ]
    if counts.conflicts:
        lines.append(
            f"{counts.conflicts:,} human labels conflict with knowledge: {done.path / CONFLICTS} (they are kept)"
        )
    return lines


def estimate_and_show(
    model: str, data: str, recipe: str, arguments: Sequence[str], *, as_json: bool, **options: Any
) -> None:
    """Say what annotating would ask and cost."""
    args = parse_arguments(arguments, OWN)
    options["given"] = _levels(options["given"])
    with Rendering(cached=True) as bar:
        found = estimate(model, data, recipe, on_progress=bar, **options, **args)
    if as_json:
        out_json(asdict(found))
        return
    for name, value in _rows(found):
        out(f"{name:<14} {value}")
    say("nothing was sent; checks by the verifier come on top, at the most a few short ones a face")


def _rows(found: SekeEstimate) -> list[tuple[str, str]]:
    low, high = found.at_least, found.at_most
    unknown = "unknown (the model's card does not say)"

    def span(name: str) -> str:
        ends = getattr(low, name), getattr(high, name)
        return unknown if None in ends else f"{ends[0]:,} to {ends[1]:,}"

    return [
        ("faces", f"{found.faces:,}, and {found.calibrating:,} that calibrate"),
        ("missing", ", ".join(found.levels).replace("_", " ")),
        ("questions", span("questions")),
        ("answers", span("answers")),
        ("text tokens", f"about {span('text_tokens')} (four bytes a token)"),
        ("image tokens", span("image_tokens")),
        ("answer tokens", f"at most {span('output_tokens')}"),
        ("cost", unknown if low.cost_usd is None else f"{_dollars(low)} to {_dollars(high)}{_images(low)}"),
    ]


def _dollars(load: Load) -> str:
    return f"${load.cost_usd:.2f}"


def _images(load: Load) -> str:
    return ", and what the images cost" if load.image_tokens is None else ""


def _levels(given: Sequence[str] | None) -> list[str] | None:
    """Words of a comma list, repeatable; None where nothing was said."""
    return None if given is None else [word for word in words_of(given) if word]
