"""The report of a folder of annotations: one self-contained HTML page."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from feab.data import Dataset
from feab.errors import FeabError
from feab.generation.agreement import agreement_blocks, calibration_blocks
from feab.generation.outcomes import Floats, Outcomes, Standing, hidden_of, standing_of
from feab.generation.record import Level
from feab.generation.seke_gallery import Gallery, build_gallery
from feab.generation.sources import Source, open_source
from feab.generation.store import Annotations, SekeManifest, load_annotations
from feab.plots import pieces
from feab.plots.histogram import histogram_figure
from feab.plots.page import number, percent, stream
from feab.runs.files import write_atomic
from feab.runs.frame import frame
from feab.runs.report import REPORT, Written
from feab.runs.sections import KINDS, Block

if TYPE_CHECKING:
    from markupsafe import Markup

_BINS = 20
"""Of a histogram of uncertainties or confidences."""


def report_annotations(
    folder: str | os.PathLike[str],
    data: str | os.PathLike[str] | Dataset | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
) -> Written:
    """Write the report of a folder of annotations, which opens offline, and say what it lacks.

    Uncertainties, samples used, cost; where the dataset is here also agreement with human labels that were hidden from
    the annotator, calibration of its confidence, and a gallery of at most 400 faces with all sampled answers. Faces
    are embedded only if the dataset allows it.

    Args:
        folder: what `annotate` wrote.
        data: the annotated dataset, its name or folder, where it lies elsewhere than when it was annotated.
        out: the file to write, .html; by default report.html in the folder.

    Raises:
        FeabError: when it is no folder of annotations, a line does not validate, or the file cannot be written.
    """
    annotations = load_annotations(folder)
    path = annotations.path / REPORT if out is None else Path(out).expanduser()
    if path.suffix.lower() not in (".html", ".htm"):
        raise FeabError(f"{path}: a report is written to a file that ends in .html")
    source, lacking = None, None
    try:
        source = open_source(folder, data)
    except FeabError as error:
        if data is not None:
            raise
        lacking = str(error).replace(str(Path.home()), "~")
    try:
        write_atomic(path, _page(annotations, source, lacking))
    except OSError as error:
        raise FeabError(f"{path}: cannot be written ({error.strerror or error})") from None
    return Written(path, lacking)


def _page(annotations: Annotations, source: Source | None, lacking: str | None) -> Iterator[str]:
    manifest = annotations.manifest
    standing = standing_of(annotations.file, None if source is None else source.dataset.ids)
    agreement: dict[Level, list[Block]] = {}
    gallery: Gallery | None = None
    if source is not None:
        va_error = manifest.identity.recipe.stopping.va_error
        for level, outcomes in standing.levels.items():
            hidden = hidden_of(source, outcomes, va_error)
            if hidden is not None:
                agreement[level] = [*agreement_blocks(hidden), *calibration_blocks(hidden)]
        gallery = build_gallery(source, standing)
    return stream(
        Path(__file__).with_name("seke_report.html.j2"),
        **frame(),
        dataset=f"{manifest.dataset.name}/{manifest.dataset.split}",
        model=manifest.model,
        complete=annotations.complete,
        lacking=lacking,
        head=pieces.facts(list(_head(manifest))),
        levels=[_levels(annotations, standing)],
        uncertainty=list(_uncertainty(standing)),
        samples=list(_samples(manifest, standing)),
        checked={level: KINDS[level] for level in agreement},
        agreement=agreement,
        gallery=gallery,
        kinds=KINDS,
        run=pieces.facts(list(_run(manifest))),
    )


def _head(manifest: SekeManifest) -> Iterator[tuple[str, str]]:
    counts = manifest.counts
    yield "annotator", manifest.model
    yield "recipe", manifest.recipe
    yield "faces decided", f"{counts.decided:,} of {counts.faces:,}"
    yield "labelled by people", f"{counts.whole:,} in full"
    yield "calibrating faces", f"{counts.calibrated:,} of {counts.calibrating:,}"
    given = manifest.identity.given
    yield "shown to it", "all human labels" if given is None else ", ".join(given).replace("_", " ") or "nothing"
    yield "against the tables", f"{counts.conflicts:,} human labels that are improbable by them; they are kept"


def _levels(annotations: Annotations, standing: Standing) -> Block:
    """Where each level comes from, and what calibrated it."""
    rows = []
    for level, outcomes in standing.levels.items():
        told = annotations.manifest.counts.levels.get(level)
        accepted = int(outcomes.accepted.sum())
        rejected = len(outcomes) - accepted
        share = percent(accepted / len(outcomes)) if len(outcomes) else percent(None)
        labelled = "–" if told is None else f"{told.labelled:,}"
        threshold = number(None if told is None else told.threshold, 2)
        if level == "valence_arousal" and told is not None and told.threshold is not None:
            threshold = f"SD at most {threshold}"
        rows.append(
            [KINDS[level], f"{standing.human[level]:,}", f"{accepted:,}", f"{rejected:,}", share, labelled, threshold]
        )
    header = ["level", "human", "generated", "rejected", "accepted", "labelled faces that calibrate", "accepted from"]
    lead = "Human labels are never overwritten. What the annotator added is kept only where it is sure enough."
    table = pieces.plain_table("Faces by where a level comes from", header, rows)
    return Block("", lead, [table])


def _uncertainty(standing: Standing) -> Iterator[Block]:
    for level, outcomes in standing.levels.items():
        drawn = [
            piece
            for what, values in (
                ("total uncertainty", outcomes.total),
                ("uncertainty between contexts", outcomes.epistemic),
                ("confidence", outcomes.confidence),
            )
            if (piece := _histogram(outcomes, what, values)) is not None
        ]
        if drawn:
            yield Block(KINDS[level], "", drawn, grid=True)


def _histogram(outcomes: Outcomes, what: str, values: Floats) -> Markup | None:
    known = ~np.isnan(values)
    if not known.any():
        return None
    low, high = min(0.0, float(values[known].min())), max(float(values[known].max()), 0.05)
    edges = np.linspace(low, 1.0 if what == "confidence" else high, _BINS + 1)
    groups = {
        name: np.histogram(values[known & which], edges)[0].tolist()
        for name, which in (("accepted", outcomes.accepted), ("rejected", ~outcomes.accepted))
    }
    name = f"{outcomes.level.replace('_', '-')}-{what.replace(' ', '-')}"
    mean = ", ".join(
        f"{group} {number(float(values[known & which].mean()), 3)}"
        for group, which in (("accepted", outcomes.accepted), ("rejected", ~outcomes.accepted))
        if (known & which).any()
    )
    drawing = histogram_figure(name, edges.tolist(), groups, what)
    return pieces.figure(drawing, f"{what.capitalize()} of {int(known.sum()):,} faces; mean: {mean}.")


def _samples(manifest: SekeManifest, standing: Standing) -> Iterator[Block]:
    used = standing.samples
    counts = manifest.counts
    if len(used):
        most = int(used.max())
        edges = np.arange(-0.5, most + 1.5)
        drawing = histogram_figure(
            "samples", edges.tolist(), {"faces": np.histogram(used, edges)[0].tolist()}, "answers read"
        )
        yield Block(
            "Answers a face",
            "",
            [pieces.figure(drawing, f"Answers read of each face: mean {used.mean():.2f}, at most {most}.")],
        )
    asked = max(counts.decided, 1)
    rows = [
        ["answers about decided faces", f"{counts.draws:,}", f"{counts.draws / asked:.2f}"],
        ["verdicts on them", f"{counts.checks:,}", f"{counts.checks / asked:.2f}"],
        *(
            [name, "–" if value is None else f"{value:,}", "–" if value is None else f"{value / asked:,.1f}"]
            for name, value in (("input tokens", manifest.input_tokens), ("output tokens", manifest.output_tokens))
        ),
        ["dollars", _dollars(manifest.cost_usd, 2), _dollars(manifest.cost_usd, 5, asked)],
        ["seconds", f"{manifest.wall_s:,.0f}", f"{manifest.wall_s / asked:.2f}"],
    ]
    lead = "Tokens, money and time include what was asked about calibrating faces, and failures that were billed."
    yield Block(
        "What it took", lead, [pieces.plain_table("In all, and by face decided", ["what", "in all", "a face"], rows)]
    )


def _dollars(value: float | None, digits: int, faces: int = 1) -> str:
    return "–" if value is None else f"{value / faces:,.{digits}f}"


def _run(manifest: SekeManifest) -> Iterator[tuple[str, str]]:
    identity = manifest.identity
    yield "model", f"{identity.model}, revision {identity.revision or 'not known'}"
    yield "adapter", f"{identity.adapter} {identity.adapter_version}"
    yield from identity.datasets.items()
    yield "knowledge", f"{identity.recipe.knowledge.theory}, {identity.recipe.knowledge.anchors}"
    yield "in prompts", "yes" if identity.recipe.knowledge_in_prompts else "no"
    yield "seed", str(identity.recipe.seed)
    yield "begun, last written", f"{manifest.created}, {manifest.updated}"
    yield "feab", manifest.feab_version
    outcomes: Mapping[str, int] = manifest.outcomes.model_dump()
    yield "answers", ", ".join(f"{n:,} {word}" for word, n in outcomes.items() if n) or "none"
    if manifest.permission:
        yield "permission", manifest.permission
