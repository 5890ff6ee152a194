"""Faces to talk about: random labels, so that every wording meets every label."""

from __future__ import annotations

import random
from collections.abc import Iterator

from feab.data.feid import FeidLabels, FeidRecord
from feab.generation.instructions import Face, Instructor, Plan
from feab.generation.templates import load_templates
from feab.records import Media
from feab.vocabulary import EXPRESSIONS, FEAB_17, KINDS


def some_labels(rng: random.Random, *, whole: bool = False) -> FeidLabels:
    """Labels of which any may be missing, unless `whole`; of action units all or eight are coded."""
    coded = frozenset(FEAB_17) if whole or rng.random() < 0.6 else frozenset(rng.sample(FEAB_17, 8))
    rate = rng.choice([0.0, 0.2, 0.5])
    expression = rng.choice(EXPRESSIONS) if whole or rng.random() < 0.8 else None
    affect = (rng.uniform(-1, 1), rng.uniform(-1, 1)) if whole or rng.random() < 0.8 else None
    units = frozenset(au for au in coded if rng.random() < rate) if whole or rng.random() < 0.8 else None
    values = dict(zip(KINDS, (expression, affect, units), strict=True))
    origins = {kind: "human" for kind, value in values.items() if value is not None}
    return FeidLabels(expression, affect, units, coded if units is not None else frozenset(), origins)  # type: ignore[arg-type]


def some_records(count: int, seed: int = 0, *, whole: bool = False, plan: Plan | None = None) -> Iterator[FeidRecord]:
    """All conversations about `count` faces."""
    rng = random.Random(seed)
    instructor = Instructor.of(load_templates(), seed=seed, plan=plan)
    for number in range(count):
        labels = some_labels(rng, whole=whole)
        images = (Media(data=b"x"),) * (1 if number % 9 else 8)
        yield from instructor.records(Face(f"f{number}", "made", labels, images))
