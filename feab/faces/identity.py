"""Who a rendered face is: explicit parameters of shape, skin, hair and eyes. Adults only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np

from feab.errors import FeabError

AgeGroup = Literal["18-34", "35-59", "60+"]
Gender = Literal["female", "male"]
AncestryPreset = Literal["african", "asian", "caucasian"]
AGE_GROUPS: tuple[AgeGroup, ...] = get_args(AgeGroup)
GENDERS: tuple[Gender, ...] = get_args(Gender)
ANCESTRY_PRESETS: tuple[AncestryPreset, ...] = get_args(AncestryPreset)

Colour = tuple[float, float, float]

_YEARS = {"18-34": (18.0, 35.0), "35-59": (35.0, 60.0), "60+": (60.0, 84.0)}

# Skin tone 0 (darkest) - 1 (lightest) is drawn apart from shape; ranges per preset overlap (our choice).
_TONE_RANGE = {"african": (0.05, 0.55), "asian": (0.40, 0.92), "caucasian": (0.50, 1.0)}
_TONES = np.array([(0.30, 0.19, 0.14), (0.47, 0.31, 0.23), (0.66, 0.47, 0.36), (0.82, 0.62, 0.50), (0.92, 0.75, 0.66)])
_DARK_HAIR: tuple[Colour, ...] = ((0.07, 0.055, 0.05), (0.10, 0.07, 0.055))
_OTHER_HAIR: tuple[Colour, ...] = ((0.20, 0.13, 0.08), (0.32, 0.21, 0.12), (0.50, 0.37, 0.21), (0.42, 0.20, 0.10))
_DARK_EYES: tuple[Colour, ...] = ((0.25, 0.15, 0.09), (0.33, 0.20, 0.11))
_OTHER_EYES: tuple[Colour, ...] = ((0.30, 0.42, 0.55), (0.33, 0.45, 0.34), (0.42, 0.34, 0.20))
_GREY = np.array([0.66, 0.65, 0.63])

# Shape sliders that may be drawn (targets of head.npz, pairs of directions), with the largest weight.
SHAPE_SLIDERS: tuple[tuple[str, str], ...] = tuple(
    (f"{stem}-{a}", f"{stem}-{b}")
    for stems, a, b in (
        ("cheek-bones cheek-volume cheek-inner chin-height chin-prominent chin-width chin-bones eye-scale eye-height2 "
         "eye-bag forehead-scale-vert forehead-temple head-fat head-scale-horiz mouth-scale-horiz mouth-cupidsbow "
         "mouth-lowerlip-volume mouth-upperlip-volume nose-width1 nose-width2 nose-width3 nose-scale-vert nose-hump "
         "nose-volume nose-scale-depth neck-scale-horiz ear-scale", "incr", "decr"),
        ("eyebrows-trans eyebrows-angle eye-corner1 eye-eyefold mouth-trans nose-point nose-base", "up", "down"),
        ("eye-trans mouth-laugh-lines", "in", "out"),
    )
    for stem in stems.split()
)  # fmt: skip
HEAD_FORMS = tuple(
    f"head-{n}" for n in ("oval", "round", "square", "rectangular", "triangular", "invertedtriangular", "diamond")
)


@dataclass(frozen=True, slots=True)
class Identity:
    """One computer-generated adult. Colours are sRGB in [0, 1]; the seed also fixes the skin's texture.

    hair_length 0 is a short cut, 1 reaches the shoulders; hair_volume is its thickness on the skull in decimetres.
    """

    seed: int
    age_group: AgeGroup
    gender: Gender
    ancestry_preset: AncestryPreset
    age_years: float
    weight: float
    shape: tuple[tuple[str, float], ...]
    skin: Colour
    lips: Colour
    hair: Colour
    brow_colour: Colour
    brow_thickness: float
    brow_density: float
    brow_height: float
    hairline: float
    bald: bool
    hair_volume: float
    hair_length: float
    stubble: float
    eyes: Colour
    cloth: Colour


def _colour(values: np.ndarray) -> Colour:
    r, g, b = (float(x) for x in np.clip(values, 0.02, 0.98))
    return r, g, b


def draw_identity(seed: int, *, age_group: str, gender: str, ancestry_preset: str) -> Identity:
    """A random adult of the asked group; the same arguments always give the same person.

    Raises:
        FeabError: when a group's name is not one of `AGE_GROUPS`, `GENDERS`, `ANCESTRY_PRESETS`.
    """
    for what, value, known in (
        ("age_group", age_group, AGE_GROUPS),
        ("gender", gender, GENDERS),
        ("ancestry_preset", ancestry_preset, ANCESTRY_PRESETS),
    ):
        if value not in known:
            raise FeabError(f"{what} {value!r} is unknown; choose one of {', '.join(known)}")
    rng = np.random.default_rng([seed, 0xFACE])
    male = gender == "male"
    years = float(rng.uniform(*_YEARS[age_group]))
    tone = float(rng.uniform(*_TONE_RANGE[ancestry_preset])) * (len(_TONES) - 1)
    low = min(int(tone), len(_TONES) - 2)
    skin = _TONES[low] + (tone - low) * (_TONES[low + 1] - _TONES[low])
    skin = skin * (1 + rng.normal(0, 0.025, 3))
    dark = ancestry_preset != "caucasian" or rng.random() < 0.3
    hair_choices, eye_choices = (_DARK_HAIR, _DARK_EYES) if dark else (_OTHER_HAIR, _OTHER_EYES + _DARK_EYES)
    hair = np.array(hair_choices[rng.integers(len(hair_choices))]) * rng.uniform(0.85, 1.2)
    grey = float(np.clip((years - rng.uniform(38, 58)) / 28, 0, 0.9))
    eyes = np.array(eye_choices[rng.integers(len(eye_choices))]) * rng.uniform(0.85, 1.15)
    shape: list[tuple[str, float]] = []
    for pair in SHAPE_SLIDERS:
        amount = float(np.clip(rng.normal(0, 0.22), -0.5, 0.5))
        if abs(amount) > 0.06:
            shape.append((pair[amount < 0], round(abs(amount), 3)))
    shape.append((HEAD_FORMS[rng.integers(len(HEAD_FORMS))], round(float(rng.uniform(0, 0.5)), 3)))
    lips = skin * np.array([0.90, 0.72, 0.71]) * rng.uniform(0.92, 1.05)
    if not male:
        lips = lips * np.array([1.02, 0.92, 0.93])
    bald = bool(male and rng.random() < 0.1 + 0.25 * (years > 50))
    long = rng.random() < (0.75 if not male else 0.06)
    volume = float(rng.uniform(0.06, 0.16) if long or not male else rng.uniform(0.015, 0.09))
    return Identity(
        seed=seed,
        age_group=cast(AgeGroup, age_group),
        gender=cast(Gender, gender),
        ancestry_preset=cast(AncestryPreset, ancestry_preset),
        age_years=years,
        weight=float(rng.uniform(0.25, 0.75)),
        shape=tuple(shape),
        skin=_colour(skin),
        lips=_colour(lips),
        hair=_colour(hair * (1 - grey) + grey * _GREY),
        brow_colour=_colour(hair * (1 - 0.4 * grey) + 0.4 * grey * _GREY * 0.8),
        brow_thickness=float(rng.uniform(0.85, 1.2) * (1.15 if male else 0.9)),
        brow_density=float(rng.uniform(0.75, 1.0)),
        brow_height=float(rng.uniform(-1, 1)),
        hairline=float(rng.uniform(0, 1) + (0.5 * max(0.0, (years - 40) / 40) if male else 0)),
        bald=bald,
        hair_volume=0.0 if bald else volume,
        hair_length=float(rng.uniform(0.55, 1.0)) if long and not bald else 0.0,
        stubble=float(rng.uniform(0, 0.8) * (rng.random() < 0.5)) if male else 0.0,
        eyes=_colour(eyes),
        cloth=_colour(rng.uniform(0.1, 0.75, 3)),
    )
