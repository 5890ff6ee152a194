"""The set `synth`: which identities each split has and what each of their pictures is to show.

A split is fixed by its seed and its number of identities; nothing else is stored about it. Every identity shows all
eight expressions at two strengths (neutral twice, with different noise) and eight free AU combinations: 24 pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from feab.errors import FeabError
from feab.faces.draws import Plan, draw_expression, draw_form, draw_free
from feab.faces.forms import STRENGTH_PAIRS
from feab.faces.identity import ANCESTRY_PRESETS, GENDERS, Identity, draw_identity
from feab.vocabulary import EXPRESSIONS

SynthAge = Literal["20-39", "40-69", "70+"]

# Age groups are the adult ones of the dataset vocabulary, so that the column needs no translation (our choice; the
# head draws years within its own three groups, each vocabulary group is pieced together from them and the years
# then lie evenly over it). Entries: (head's age group, share, lowest year, highest year).
_AGES: Mapping[SynthAge, tuple[tuple[str, float, float, float], ...]] = MappingProxyType({
    "20-39": (("18-34", 0.75, 20, 35), ("35-59", 0.25, 35, 40)),
    "40-69": (("35-59", 2 / 3, 40, 60), ("60+", 1 / 3, 60, 70)),
    "70+": (("60+", 1.0, 70, 200),),
})  # fmt: skip

CELLS: tuple[tuple[SynthAge, str, str], ...] = tuple(
    (age, gender, preset) for age in _AGES for gender in GENDERS for preset in ANCESTRY_PRESETS
)
"""The 18 cells (age group, gender preset, ancestry preset). Identity i of a split belongs to cell i mod 18."""

FREE_PER_IDENTITY = 8
IMAGES_PER_IDENTITY = 2 * len(EXPRESSIONS) + FREE_PER_IDENTITY


@dataclass(frozen=True, slots=True)
class SplitSpec:
    """A split of rendered faces: its name, the seed that fixes everything, and how many identities it has."""

    name: str
    seed: int
    identities: int

    def __post_init__(self) -> None:
        if not 1 <= self.identities <= 10_000:
            raise FeabError(f"a split has 1 to 10000 identities, got {self.identities}")
        if not 0 <= self.seed < 2**31:
            raise FeabError(f"a split's seed is 0 to 2147483647, got {self.seed}")

    @property
    def images(self) -> int:
        """How many pictures the split has."""
        return self.identities * IMAGES_PER_IDENTITY


SPLITS: Mapping[str, SplitSpec] = MappingProxyType({
    "train": SplitSpec("train", 1, 200),
    "validation": SplitSpec("validation", 2, 36),
    "test": SplitSpec("test", 3, 72),
})  # fmt: skip
"""The splits of `synth`. Seeds differ, so identities are disjoint (tested); `synth_mini` is test identities 0-17."""

MINI_IDENTITIES = len(CELLS)


@dataclass(frozen=True, slots=True)
class Planned:
    """One picture of a split before rendering: who, in which group, and what is to be shown."""

    id: str
    identity: int
    position: int
    plan: Plan
    scene_seed: tuple[int, ...]
    mini: bool


def identity_cell(index: int) -> tuple[SynthAge, str, str]:
    """Age group, gender preset and ancestry preset of identity `index` of any split."""
    return CELLS[index % len(CELLS)]


def split_identity(spec: SplitSpec, index: int) -> Identity:
    """Identity `index` of a split: the first drawn person whose years lie in the wanted age group."""
    if not 0 <= index < spec.identities:
        raise FeabError(f"split {spec.name!r} has identities 0 to {spec.identities - 1}, not {index}")
    age, gender, preset = identity_cell(index)
    rng = np.random.default_rng([spec.seed, index, 1])
    pieces = _AGES[age]
    group, _, low, high = pieces[int(rng.choice(len(pieces), p=[p[1] for p in pieces]))]
    for _attempt in range(1000):
        who = draw_identity(int(rng.integers(2**31)), age_group=group, gender=gender, ancestry_preset=preset)
        if low <= who.age_years < high:
            return who
    raise AssertionError(f"no identity of {low} to {high} years in group {group}")  # chance below 1e-100


def split_plans(spec: SplitSpec, index: int) -> list[Planned]:
    """The 24 pictures of one identity, in an order that does not give the expression away."""
    plans: list[Plan] = []
    for c, expression in enumerate(EXPRESSIONS):
        pair = STRENGTH_PAIRS[(c + index) % len(STRENGTH_PAIRS)]
        used: str | None = None
        for j in range(2):
            rng = np.random.default_rng([spec.seed, index, 2, c, j])
            form = draw_form(expression, rng, other_than=used)
            used = form.name
            strength = None if expression == "neutral" else pair[j]
            plans.append(draw_expression(expression, form, strength, rng))
    plans += [draw_free(np.random.default_rng([spec.seed, index, 3, j])) for j in range(FREE_PER_IDENTITY)]
    order = np.random.default_rng([spec.seed, index, 4]).permutation(len(plans))
    return [
        Planned(f"{spec.name}-{index:04d}-{k:02d}", index, k, plans[int(p)], (spec.seed, index, 5, k),
                mini=index < MINI_IDENTITIES)
        for k, p in enumerate(order)
    ]  # fmt: skip
