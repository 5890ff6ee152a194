"""The words of the field: expressions, action units, groups, and the aliases people write for them."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Literal, get_args

from feab.errors import FeabError

Kind = Literal["expression", "valence_arousal", "action_units"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Expression(str, Enum):
    """The eight discrete expressions, in the order every table prints them."""

    NEUTRAL = "neutral"
    HAPPINESS = "happiness"
    SADNESS = "sadness"
    SURPRISE = "surprise"
    FEAR = "fear"
    DISGUST = "disgust"
    ANGER = "anger"
    CONTEMPT = "contempt"

    def __str__(self) -> str:
        return self.value


EXPRESSIONS: tuple[str, ...] = tuple(e.value for e in Expression)

LABELS: tuple[str, ...] = (*EXPRESSIONS, "other")
"""What `canonical_label` gives: the eight, then any other expression."""


@dataclass(frozen=True, slots=True)
class ActionUnit:
    """One action unit of the Facial Action Coding System (FACS).

    `appearance` is ours; names and muscles are FACS's (Ekman, Friesen & Hager 2002).
    """

    number: int
    name: str
    muscle: str
    appearance: str


_UNITS = (
    (1, "inner brow raiser", "frontalis, medial part", "the inner ends of the brows are raised"),
    (2, "outer brow raiser", "frontalis, lateral part", "the outer ends of the brows are raised and arched"),
    (4, "brow lowerer", "corrugator supercilii, depressor supercilii, procerus",
     "the brows are lowered and drawn together, with an upright furrow between them"),
    (5, "upper lid raiser", "levator palpebrae superioris", "the upper lids are lifted, showing white above the iris"),
    (6, "cheek raiser", "orbicularis oculi, orbital part",
     "the cheeks are lifted, narrowing the eyes from below, with crow's feet"),
    (7, "lid tightener", "orbicularis oculi, palpebral part",
     "the lower lids are tense and raised, without lifting the cheeks"),
    (9, "nose wrinkler", "levator labii superioris alaeque nasi", "the nose is wrinkled at its root and sides"),
    (10, "upper lip raiser", "levator labii superioris", "the upper lip is raised, the nose root stays smooth"),
    (12, "lip corner puller", "zygomaticus major", "the lip corners are pulled up and outward, as in a smile"),
    (14, "dimpler", "buccinator", "a lip corner is tightened and pressed inward, with a dimple"),
    (15, "lip corner depressor", "depressor anguli oris", "the lip corners are pulled down"),
    (17, "chin raiser", "mentalis", "the chin boss is wrinkled and pushes the lower lip up"),
    (20, "lip stretcher", "risorius, platysma", "the mouth is stretched sideways, the corners level"),
    (23, "lip tightener", "orbicularis oris", "the lips are tightened, narrow and thin"),
    (24, "lip pressor", "orbicularis oris", "the lips are pressed together"),
    (25, "lips part", "depressor labii inferioris, or relaxed mentalis or orbicularis oris",
     "the lips are apart"),
    (26, "jaw drop", "masseter, temporalis and medial pterygoid relaxed", "the jaw has dropped, the teeth are apart"),
)  # fmt: skip

ACTION_UNITS = MappingProxyType({n: ActionUnit(n, name, muscle, seen) for n, name, muscle, seen in _UNITS})

FEAB_17: tuple[int, ...] = tuple(ACTION_UNITS)
"""The union of the AUs that BP4D, DISFA and Aff-Wild2 code: the AUs of FEAB and FEID."""

AGE_GROUPS: tuple[str, ...] = ("0-3", "4-19", "20-39", "40-69", "70+")

# Words that name a class beyond doubt, alone. Words that only suggest one ("serious", "concerned", "smile") are
# deliberately absent: reading those as a class is how other harnesses score a description as an answer.
_ALIASES: dict[str, tuple[str, ...]] = {
    "neutral": ("neutral", "neutrality", "no expression", "expressionless"),
    "happiness": ("happiness", "happy", "joy", "joyful", "joyous", "joyfulness"),
    "sadness": ("sadness", "sad", "sorrow", "sorrowful", "saddened", "sorrowfulness"),
    "surprise": ("surprise", "surprised", "astonishment", "astonished", "suprise", "suprised"),
    "fear": ("fear", "fearful", "afraid", "scared", "frightened", "terrified", "fearfulness", "terror"),
    "disgust": ("disgust", "disgusted"),
    "anger": ("anger", "angry", "angered", "enraged", "furious", "rage"),
    "contempt": ("contempt", "contemptuous", "disdain", "disdainful", "scorn", "scornful"),
    "other": ("other", "others"),
}

ALIASES = MappingProxyType({alias: label for label, words in _ALIASES.items() for alias in words})


def canonical_label(word: str) -> str:
    """The expression label that `word` is an alias of ("Happy" -> "happiness").

    Raises:
        FeabError: when the word names no expression.
    """
    folded = unicodedata.normalize("NFKC", word).strip().casefold()
    try:
        return ALIASES[folded]
    except KeyError:
        known = ", ".join(EXPRESSIONS)
        raise FeabError(f"unknown expression label {word!r}; known labels are {known} (and their aliases)") from None
