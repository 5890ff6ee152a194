"""Which action units display an expression: several FACS forms per class, and which units cannot go together.

A class is not a code: each has several forms, one form shares units with forms of other classes, and small unrelated
movements are added when faces are drawn (`draws.py`). Letters A to E are written as intensities 1 to 5.

Sources, by the word that starts `Form.source`:
  FACS2002   Ekman, Friesen & Hager, FACS Investigator's Guide (2002), prototypes and major variants
  FACS1978   Ekman & Friesen, FACS manual (1978), table 11-1, most intense forms
  Du2014     Du, Tao & Martinez, PNAS 111:E1454 (2014), table 1: units of more than 70 % of 230 posers, and shares
  Keltner2019  Keltner, Sauter, Tracy & Cowen, J. Nonverbal Behav. 43 (2019)
  Cordaro2018  Cordaro et al., Emotion 18 (2018), intercultural core
  Matsumoto2008, Darwin1872   as coded by Snoek et al. (hypothesis kernel analysis)
  CK+        Lucey et al., CVPR workshops (2010), label criteria
AU 11, 16, 22 and 27 are not rendered: a form that names them is used without 11, 16 and 22, and with 26 for 27.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from feab.vocabulary import EXPRESSIONS

Strength = Literal["weak", "medium", "strong"]
STRENGTH_STEP: Mapping[Strength, int] = MappingProxyType({"weak": -1, "medium": 0, "strong": 1})
"""What a strength adds to every letter of a form (our choice): one letter less or more, never below B or above E."""

STRENGTH_PAIRS: tuple[tuple[Strength, Strength], ...] = (("weak", "medium"), ("medium", "strong"), ("weak", "strong"))
"""The two strengths of one class on one identity; rotated over classes and identities."""

B, C, D, E = 2, 3, 4, 5


@dataclass(frozen=True, slots=True)
class Form:
    """One way to display an expression.

    Attributes:
        name: AU numbers joined by "+", as FACS coders write it, U for one-sided; unique within its class.
        letters: AU -> intensity (2 = B ... 5 = E) at medium strength.
        share: how often the form is drawn, relative to the class's other forms.
        source: where the form is published; letters are ours unless the source prints them.
        ceiling: AU -> highest intensity at any strength (for example AU 5 of surprise, printed as 5B).
        one_sided: the AUs that act on one side only (left or right is drawn).
        sealed: the jaw drops behind closed lips.
    """

    name: str
    letters: Mapping[int, int]
    share: float
    source: str
    ceiling: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    one_sided: frozenset[int] = frozenset()
    sealed: bool = False


def _form(
    letters: Mapping[int, int], share: float, source: str, *, ceiling: Mapping[int, int] | None = None,
    one_sided: frozenset[int] = frozenset(), sealed: bool = False,
) -> Form:  # fmt: skip
    name = "+".join(f"U{au}" if au in one_sided else str(au) for au in sorted(letters)) or "neutral"
    return Form(name, MappingProxyType(dict(letters)), share, source, MappingProxyType(dict(ceiling or {})), one_sided,
                sealed)  # fmt: skip


_SURPRISE_LIDS = {5: C}

FORMS: Mapping[str, tuple[Form, ...]] = MappingProxyType({
    "neutral": (_form({}, 1.0, "no action unit (FACS neutral)"),),
    "happiness": (
        _form({6: C, 12: C}, 0.22, "FACS2002 prototype 6+12"),
        _form({12: D}, 0.13, "FACS2002 prototype 12C/D"),
        _form({6: C, 12: D, 25: C}, 0.26, "FACS1978 6+12Y+25; Du2014 with the 51 % that show 6"),
        _form({12: C, 25: C}, 0.19, "Du2014 12+25, the 49 % without 6"),
        _form({6: C, 7: B, 12: C, 25: C, 26: B}, 0.20, "Keltner2019 6+7+12+25+26; Cordaro2018 core"),
    ),
    "sadness": (
        _form({1: C, 4: B, 15: B}, 0.15, "FACS2002 prototype 1+4+11+15B without 11; 1+4+15*"),
        _form({1: C, 4: B, 15: C, 17: C}, 0.17, "FACS2002 variant 1+4+15B+17; Du2014 with 1 (60 %) and 17 (67 %)"),
        _form({6: C, 15: C}, 0.13, "FACS2002 prototype 6+15*"),
        _form({4: C, 15: C, 17: C}, 0.12, "Du2014 4+15 with 17 (67 %), the 40 % without 1"),
        _form({4: C, 15: C}, 0.10, "Du2014 4+15, the 33 % without 17"),
        _form({1: C, 15: C}, 0.08, "Darwin1872, Matsumoto2008 1+15"),
        _form({1: C, 4: C}, 0.10, "FACS2002 variant 1+4+11 without 11"),
        _form({1: C, 4: C, 6: C, 15: C, 17: B}, 0.15, "Keltner2019 1+4+6+15+17"),
    ),
    "surprise": (
        _form({1: C, 2: C, 5: B, 25: C, 26: C}, 0.28, "FACS2002 prototype 1+2+5B+26", ceiling=_SURPRISE_LIDS),
        _form({1: C, 2: C, 5: B}, 0.20, "FACS2002 variant 1+2+5B", ceiling=_SURPRISE_LIDS),
        _form({1: C, 2: C, 25: C, 26: C}, 0.20, "FACS2002 variant 1+2+26; Du2014 1+2+25+26"),
        _form({5: B, 25: C, 26: C}, 0.14, "FACS2002 variant 5B+26", ceiling=_SURPRISE_LIDS),
        _form({1: C, 2: C, 5: B, 25: C}, 0.10, "Darwin1872, Matsumoto2008 1+2+5+25", ceiling=_SURPRISE_LIDS),
        _form({1: C, 2: C, 26: C}, 0.08, "FACS2002 variant 1+2+26, lips closed over the jaw", sealed=True),
    ),
    "fear": (
        _form({1: C, 2: B, 4: C, 5: C, 20: C, 25: B, 26: B}, 0.22, "FACS2002 prototype 1+2+4+5*+20*+26"),
        _form({1: C, 2: B, 4: C, 5: C, 25: C}, 0.16, "FACS2002 prototype 1+2+4+5*+25"),
        _form({1: C, 4: C, 20: C, 25: C}, 0.20, "Du2014 1+4+20+25, the 43 % without 2, the 37 % without 5"),
        _form({5: D, 20: C, 25: C}, 0.16, "FACS2002 variant 5*+20*+25"),
        _form({1: C, 2: B, 4: B, 5: C}, 0.10, "FACS2002 variant 1+2+4+5*"),
        _form({1: C, 2: B, 4: C, 5: C, 7: B, 20: C, 25: B}, 0.16, "Keltner2019 1+2+4+5+7+20+25"),
    ),
    "disgust": (
        _form({9: D}, 0.14, "FACS2002 prototype 9"),
        _form({9: C, 17: C}, 0.18, "FACS2002 prototype 9+17"),
        _form({10: D}, 0.14, "FACS2002 prototype 10*"),
        _form({10: C, 17: C}, 0.16, "FACS2002 prototype 10+17"),
        _form({9: C, 10: C, 17: C}, 0.14, "Du2014 9+10+17"),
        _form({4: C, 9: C, 10: C, 17: B}, 0.10, "Du2014 9+10+17 with the 31 % that show 4"),
        _form({7: B, 9: C, 25: C, 26: B}, 0.14, "Keltner2019 7+9+(19)+25+26; FACS2002 9+16+25,26 without 16"),
    ),
    "anger": (
        _form({4: C, 5: C, 7: C, 23: C}, 0.15, "FACS2002 prototype 4+5*+7+23"),
        _form({4: C, 5: C, 7: C, 24: C}, 0.13, "FACS2002 prototype 4+5*+7+24"),
        _form({4: D, 5: B, 7: C, 17: C, 24: C}, 0.13, "FACS2002 prototype 4+5*+7+17+24"),
        _form({4: C, 5: B, 7: C, 17: C, 23: C}, 0.11, "FACS2002 prototype 4+5*+7+17+23"),
        _form({4: C, 7: C, 24: C}, 0.14, "Du2014 4+7+24, the 48 % without 17"),
        _form({4: D, 7: C}, 0.10, "Cordaro2018 core 4+7"),
        _form({5: C, 7: C, 23: C}, 0.10, "FACS2002 variant: 4+5*+7+23 without 4"),
        _form({4: C, 5: C, 7: C, 10: C, 25: C}, 0.14, "FACS2002 4+5*+7+10*+23+25 without 23 (see `EXCLUSIONS`)"),
    ),
    "contempt": (
        _form({14: C}, 0.30, "CK+ contempt: 14 on one side", one_sided=frozenset({14})),
        _form({12: B, 14: C}, 0.25, "EMFACS R12A+R14A (Friesen & Ekman 1983), one side", one_sided=frozenset({12, 14}),
              ceiling={12: C}),
        _form({14: C, 17: B}, 0.15, "14 on one side with the chin raised (our choice)", one_sided=frozenset({14})),
        _form({14: C}, 0.15, "CK+ contempt: 14 on both sides"),
        _form({12: B, 14: C}, 0.15, "EMFACS 12+14, on both sides", ceiling={12: B}),
    ),
})  # fmt: skip

assert tuple(FORMS) == EXPRESSIONS


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Two AUs that are not drawn together when both are at or above these intensities (1 = any)."""

    first: int
    second: int
    first_from: int = 1
    second_from: int = 1
    why: str = ""


EXCLUSIONS: tuple[Exclusion, ...] = (
    Exclusion(23, 24, why="both narrow the same lips; coders score one"),
    Exclusion(23, 25, why="tight lips are closed here, so that 23 and 24 are told from 25"),
    Exclusion(24, 25, why="pressed lips are closed"),
    Exclusion(23, 26, why="a dropped jaw undoes the lip action"),
    Exclusion(24, 26, why="a dropped jaw undoes the lip action"),
    Exclusion(10, 23, why="10 parts the lips"),
    Exclusion(10, 24, why="10 parts the lips"),
    Exclusion(9, 23, why="the lip raise of 9 hides the tightening"),
    Exclusion(9, 24, why="the lip raise of 9 hides the press"),
    Exclusion(20, 23, why="stretched lips cannot be narrowed"),
    Exclusion(20, 24, why="the stretch undoes the press on this mesh"),
    Exclusion(14, 24, why="the press moves the corner as the dimpler does"),
    Exclusion(12, 15, D, D, "opposite pulls on one corner: not both above C"),
    Exclusion(12, 20, why="both widen the mouth"),
    Exclusion(15, 20, why="20 is the stretch with the corners kept level"),
    Exclusion(14, 20, why="both widen the mouth"),
    Exclusion(17, 26, why="the chin cannot rise and drop"),
    Exclusion(1, 9, 1, D, "a strong 9 lowers the brows"),
    Exclusion(2, 9, 1, D, "a strong 9 lowers the brows"),
)


def clash(letters: Mapping[int, int], au: int, intensity: int) -> bool:
    """Whether adding `au` at `intensity` to `letters` (AU -> intensity, 1 to 5) breaks an exclusion."""
    for rule in EXCLUSIONS:
        for one, other, one_from, other_from in (
            (rule.first, rule.second, rule.first_from, rule.second_from),
            (rule.second, rule.first, rule.second_from, rule.first_from),
        ):
            if au == one and intensity >= one_from and letters.get(other, 0) >= other_from:
                return True
    return False


def completes_other_class(expression: str, shown: Collection[int], au: int) -> bool:
    """Whether adding `au` to the AUs already shown makes a whole form of another class appear.

    AU 25 is left aside: parted lips belong to no class.
    """
    after = frozenset(shown) | {au}
    return any(
        au in other.letters and frozenset(other.letters) - {25} <= after
        for name, others in FORMS.items()
        if name != expression
        for other in others
    )
