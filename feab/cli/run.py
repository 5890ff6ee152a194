"""`feab run` and `feab score`: run, then show the table; a run ends with its report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from feab.cli.output import clean, console, out, out_json, say
from feab.cli.own import OwnData, open_told, to_ask
from feab.cli.progress import watcher
from feab.cli.rendering import Rendering
from feab.cli.reporting import report_after
from feab.errors import FeabError
from feab.runs import Run, estimate, load_run
from feab.runs import run as run_model
from feab.runs import score as score_run
from feab.runs.table import incomplete, missing_scores, notes, scores_table
from feab.schemas import Scores

OPTIONS = {
    **{
        name: f"--{name}"
        for name in ("model", "tasks", "data", "prompts", "out", "limit", "seed", "draws", "scoring", "include")
    },
    "au_threshold": "--au-threshold",
    "frames": "--frames",
    "permission": "--i-have-permission",
    "cache": "--cache",
    "max_cost": "--max-cost",
    "replicas": "--replicas",
    "ray_address": "--ray-address",
    "gpus_per_replica": "--gpus-per-replica",
    "dry_run": "--dry-run",
    "progress": None,
}
"""What `-M` does not set: the parameters of `feab.run` by name, with the verb's own option where it has one."""


def parse_arguments(given: Sequence[str], own: Mapping[str, str | None] = OPTIONS) -> dict[str, Any]:
    """`-M key=value` pairs as text; the adapter converts each to the type it wants.

    Raises:
        FeabError: for a pair without "=", a bad or repeated key, or a key that is an option of its own.
    """
    found: dict[str, Any] = {}
    for pair in given:
        key, equals, value = pair.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key):
            raise FeabError(f"-M {pair}: write KEY=VALUE, as in -M max_pixels=262144")
        if key in own:
            hint = f"is an option of its own, {own[key]}" if own[key] else "is no argument of a model"
            raise FeabError(f"-M {key}: {hint}")
        if key in found:
            raise FeabError(f"-M {key}: given twice")
        found[key] = value
    return found


def say_replicas(model: str, replicas: int | None) -> None:
    """Say that copies of a model are loaded, which takes its time; nothing where none are asked for."""
    if replicas:
        say(f"starting {replicas} replica{'s' * (replicas > 1)} of {model}")


def run_and_show(
    model: str,
    tasks: Sequence[str] | None,
    arguments: Sequence[str],
    own: OwnData,
    *,
    as_json: bool,
    **options: Any,
) -> int:
    """Run with a progress display, print the scores, write the report, and return the exit status.

    Of own data, say how it was read.
    """
    given = parse_arguments(arguments)
    say_replicas(model, options.get("replicas"))
    with watcher() as progress:
        asked = to_ask(own, tasks, progress.reading)
        run = run_model(
            model, tasks or None, data=asked, au_threshold=own.au_threshold, progress=progress, **options, **given
        )
    machine = run.manifest.machine.get("model", {})
    copies = machine.get("replicas", {})
    if copies.get("restarted") or copies.get("lost"):
        lost = f", {copies['lost']} of {copies['number']} for good" if copies["lost"] else ""
        say(f"replicas died: {copies['restarted']} started again{lost}; what they had under way was asked again")
    del progress  # the running scores hold labels, and the report wants the memory
    if cached := machine.get("cache"):
        say(f"cache {options['cache']}: {cached['hits']:,} hits, {cached['misses']:,} misses")
    scores = run.scores
    if scores is None:  # a run that returns has been scored, where the labels are here
        say(f"{run.path}: its labels are kept by a leaderboard; `feab submit` has it scored there")
        return 0 if run.complete else 3
    status = show(run, scores, as_json=as_json)
    report_after(run, asked, options.get("include", ()), as_json=as_json)
    return status


def estimate_and_show(
    model: str,
    tasks: Sequence[str] | None,
    arguments: Sequence[str],
    own: OwnData,
    *,
    as_json: bool,
    **options: Any,
) -> None:
    """Say what a run would ask and cost."""
    given = parse_arguments(arguments)
    with Rendering(cached=True, doing="reading") as reading, Rendering(cached=True) as bar:
        asked = to_ask(own, tasks, reading)
        found = estimate(
            model, tasks or None, data=asked, au_threshold=own.au_threshold, on_progress=bar, **options, **given
        )
    if as_json:
        out_json(asdict(found))
        return
    unknown = "unknown (the model's card does not say)"
    most = "at most" if found.image_tokens_at_most else "about"
    of_images = unknown if found.image_tokens is None else f"{most} {found.image_tokens:,}"
    lines = {
        "questions": f"{found.questions:,}",
        "answers": f"{found.answers:,}",
        "images": f"{found.images:,}",
        "text tokens": f"about {found.text_tokens:,} (four bytes a token)",
        "image tokens": of_images,
        "answer tokens": f"at most {found.output_tokens:,}",
        "cost": unknown if found.cost_usd is None else f"at most ${found.cost_usd:.4f}",
    }
    if found.cost_usd is not None and found.image_tokens is None:
        lines["cost"] = f"${found.cost_usd:.4f} at most, and what the images cost"
    for name, value in lines.items():
        out(f"{name:<14} {value}")
    say("nothing was sent")


def score_and_show(
    path: Path, data: str | None, columns: Sequence[str], include: Sequence[Path], *, as_json: bool
) -> int:
    """Score a folder, print, and return the exit status."""
    run = load_run(path)
    with Rendering(cached=True) as bar:
        labels = open_told(data, columns, None, bar) if columns else data
        scores = score_run(run, labels, include=include, on_progress=bar)
    return show(run, scores, as_json=as_json)


def show(run: Run, scores: Scores, *, as_json: bool) -> int:
    """Print scores as a table, or as JSON alone; 0 for a complete run, 3 for one with errors or gaps."""
    if as_json:
        out_json(scores.model_dump(mode="json", by_alias=True))
        for line in [*missing_scores(scores), *([] if run.complete else [incomplete(run)])]:
            say(line)
    else:
        screen = console()
        screen.print(scores_table(scores))
        for line in notes(run, scores):
            screen.print(clean(line), soft_wrap=True)
    return 0 if run.complete and scores.complete else 3
