"""`feab seke feid` and `feab seke report`, in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from feab.cli.output import out as say_out
from feab.cli.output import say
from feab.cli.rendering import Rendering
from feab.cli.run import parse_arguments
from feab.errors import FeabError
from feab.generation.feid import FORMATS, make_feid
from feab.generation.instructions import Plan
from feab.generation.rewriting import REWRITES, tokens_of
from feab.generation.seke_report import report_annotations
from feab.generation.store import load_annotations
from feab.journal import Progress
from feab.models import load_model
from feab.runs.around import check_limits, known_card, wrapped

OPTIONS = {
    name: f"--{name.replace('_', '-')}"
    for name in (
        "out",
        "kinds",
        "tasks",
        "formats",
        "seed",
        "name",
        "data",
        "templates",
        "rewrite",
        "max_cost",
        "include",
    )
}
"""What `-M` does not set: the verb's own options, by name."""


_KINDS = tuple(Plan().counts)


def plan_of(kinds: Sequence[str]) -> Plan | None:
    """The kinds of conversation of `--kinds coarse,choice=2`; None where none is told.

    Raises:
        FeabError: for an unknown kind, one that is told twice, or a number that is none.
    """
    told: dict[str, int] = {}
    for word in (part.strip() for text in kinds for part in text.split(",") if part.strip()):
        name, equals, count = word.partition("=")
        if name not in _KINDS:
            raise FeabError(f"--kinds {word[:60]}: known are {', '.join(_KINDS)}, each also with =N")
        if name in told:
            raise FeabError(f"--kinds: {name} is told twice")
        if equals and not (count.isascii() and count.isdigit() and len(count) < 4):
            raise FeabError(f"--kinds {word[:60]}: write a whole number after =, as in choice=2")
        told[name] = int(count) if equals else getattr(Plan(), name)
    return Plan(**{task: told.get(task, 0) for task in _KINDS}) if told else None


def make_and_show(
    folders: Sequence[Path],
    out: Path,
    kinds: Sequence[str],
    formats: str,
    arguments: Sequence[str],
    include: Sequence[Path],
    *,
    rewrite: str | None,
    permission: str | None,
    max_cost: float | None,
    **options: Any,
) -> None:
    """Make a FEID folder with progress, and print what it holds."""
    words = [word for word in formats.split(",") if word.strip()]
    beside = [] if words == ["none"] else [word.strip() for word in words]
    if "none" in beside:
        raise FeabError(f"--formats: none, or some of {', '.join(FORMATS)}; not both")
    about_it = {"-M": arguments, "--max-cost": max_cost is not None, "--i-have-permission": permission is not None}
    if rewrite is None and (given := [option for option, there in about_it.items() if there]):
        raise FeabError(f"{given[0]} goes with --rewrite: it is about that model")
    check_limits(rewrite or "", {}, limit=None, max_cost=max_cost)
    with ExitStack() as held:
        model = None
        if rewrite is not None:
            options_of_it = parse_arguments(arguments, OPTIONS)
            card = known_card(rewrite, include, max_cost)
            loaded = held.enter_context(closing(load_model(rewrite, include=include, **options_of_it)))
            model = wrapped(loaded, card, store=None, max_cost=max_cost, tokens=tokens_of(out / REWRITES))
        bar = held.enter_context(Rendering(doing="writing", resumes=False))
        made = make_feid(
            list(folders), out, plan=plan_of(kinds), formats=beside, rewriter=model, on_progress=bar,
            permission=permission, include=include, on_answer=_rewriting(), **options,
        )  # fmt: skip
    for note in made.notes:
        say(note)
    info = made.info
    total = sum(split.n for split in info.splits.values())
    for task, count in info.tasks.items():
        say_out(f"{task:<20} {count:>10,}")
    origins = ", ".join(f"{count:,} {origin}" for origin, count in info.records_by_origin.items())
    say_out(f"{'in all':<20} {total:>10,}  ({origins} labels)")
    if info.rewriting is not None:
        told = info.rewriting
        kept = f"{told.contradicted:,} contradicted the annotation, {told.refused:,} refused, {told.failed:,} failed"
        say_out(f"{'rewritten':<20} {told.taken:>10,}  of {told.asked:,} answers ({kept})")
    say_out(f"FEID: {made.path}")


def _rewriting() -> Callable[[Progress], None]:
    """Says where the rewriter stands: ever more rarely at first, then every thousand answers."""
    shown = 0

    def told(progress: Progress) -> None:
        nonlocal shown
        if progress.done >= min(2 * shown, shown + 1000):
            shown = progress.done
            say(f"rewriting: {progress.done:,} answers, {progress.outcomes.error:,} errors")

    return told


def report_annotated(folder: Path, data: str | None, out: Path | None) -> int:
    """Write the report, print its path, and return the exit status: 3 where annotating is not finished."""
    written = report_annotations(folder, data, out=out)
    if written.lacking is not None:
        say(f"the report has no agreement, no calibration and no gallery: {written.lacking}")
    say_out(f"report: {written.path}")
    return 0 if load_annotations(folder).complete else 3
