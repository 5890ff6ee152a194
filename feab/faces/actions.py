"""What a face does: an amount per FACS action unit and side, plus small movements that FACS does not score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from feab.errors import FeabError

AUS_RENDERED: tuple[int, ...] = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26)

# One mesh unit moves both sides of these, so the two sides must be given the same amount.
MIDLINE_AUS: frozenset[int] = frozenset({1, 17, 23, 24, 26})

# Raw ARKit units allowed as noise: they carry no AU of the list above, or only in amounts too small to see.
NOISE_UNITS: tuple[str, ...] = (
    *(f"eyeBlink{s}" for s in ("Left", "Right")),
    *(f"eyeLook{d}{s}" for d in ("Down", "Up", "In", "Out") for s in ("Left", "Right")),
    "cheekPuff", "jawForward", "jawLeft", "jawRight", "mouthFunnel", "mouthLeft", "mouthPucker", "mouthRight",
    "mouthRollLower", "mouthRollUpper",
)  # fmt: skip

# The AU each noise unit would begin to show above this weight; beyond it the labels would be wrong.
NOISE_MAX: Mapping[str, float] = MappingProxyType({n: 1.0 if n.startswith("eye") else 0.3 for n in NOISE_UNITS})


@dataclass(frozen=True, slots=True)
class FacsAction:
    """A facial action: amounts of action units in [0, 1], per side.

    Attributes:
        aus: AU number -> (subject's left, subject's right), each the share f of the largest displacement we render
            for that AU. AUs that are missing are 0. The midline AUs 1, 17, 23, 24 and 26 need equal sides.
            AU 25 here is the lower-lip depressor alone; whether lips part is measured (`Head.measure`).
        noise: raw ARKit unit -> weight, from `NOISE_UNITS` (blinks, gaze and other movements that are not scored).
        sealed: keep the lips closed over a dropped jaw (AU 26 without 25).

    Raises:
        FeabError: an AU we do not render, an amount outside [0, 1], unequal sides of a midline AU, an unknown noise
            unit or a weight above its limit, blink noise beside AU 5 or above .1 beside AU 7.
    """

    aus: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    noise: Mapping[str, float] = field(default_factory=dict)
    sealed: bool = False

    def __post_init__(self) -> None:
        aus = {au: (float(s[0]), float(s[1])) for au, s in sorted(self.aus.items()) if max(s) > 0}
        for au in self.aus:
            if au not in AUS_RENDERED:
                raise FeabError(f"AU {au!r} is not rendered; the head shows {', '.join(map(str, AUS_RENDERED))}")
        for au, (left, right) in self.aus.items():
            if not (0 <= left <= 1 and 0 <= right <= 1):
                raise FeabError(f"AU {au}: amounts must be in [0, 1], got ({left}, {right})")
            if au in MIDLINE_AUS and left != right:
                raise FeabError(f"AU {au} moves both sides together: give it equal amounts, got ({left}, {right})")
        for name, weight in self.noise.items():
            if name not in NOISE_MAX:
                raise FeabError(f"{name!r} is no noise unit; use one of {', '.join(NOISE_UNITS)}")
            if not 0 <= weight <= NOISE_MAX[name]:
                raise FeabError(f"noise {name}: weight must be in [0, {NOISE_MAX[name]}], got {weight}")
        blink = max(self.noise.get("eyeBlinkLeft", 0.0), self.noise.get("eyeBlinkRight", 0.0))
        if blink > 0 and 5 in aus:
            raise FeabError("blink noise would hide AU 5 (upper lid raiser): use one of the two")
        if blink > 0.1 and 7 in aus:
            raise FeabError(f"blink noise {blink} on AU 7 reads as closed eyes: at most .1 beside AU 7")
        object.__setattr__(self, "aus", MappingProxyType(aus))
        object.__setattr__(self, "noise", MappingProxyType({n: float(w) for n, w in sorted(self.noise.items()) if w}))

    def __hash__(self) -> int:
        return hash((tuple(self.aus.items()), tuple(self.noise.items()), self.sealed))

    def __reduce__(self) -> tuple[type[FacsAction], tuple[dict[int, tuple[float, float]], dict[str, float], bool]]:
        return FacsAction, (dict(self.aus), dict(self.noise), self.sealed)

    def without(self, au: int) -> FacsAction:
        """The same action without one AU (for asking what that AU changes in the picture)."""
        return FacsAction({k: v for k, v in self.aus.items() if k != au}, dict(self.noise), self.sealed)


@dataclass(frozen=True, slots=True)
class Measures:
    """What the deformed mesh shows, in interocular distances (IPD, pupil to pupil at rest).

    Attributes:
        lip_gap: largest gap between the inner lips, 0 when closed.
        chin_drop: how far the chin is below its place on the neutral face; negative when the chin is raised.
    """

    lip_gap: float
    chin_drop: float
