"""The emotion tables of `generation/knowledge/`: action units, expression forms, valence-arousal, AU pairs.

Every row carries its source. They are what generation's prompts (SEKE) quote; nothing in feab reads them at run time
so far. Faces are drawn from `feab.faces.forms`, a choice from these tables with letters and shares of our own: the
tests hold the two against each other and list where they differ.
"""

from __future__ import annotations

from feab.knowledge.forms import Form, Part, Term
from feab.knowledge.rows import Source
from feab.knowledge.tables import (
    ActionUnitRow,
    Anchor,
    Exclusion,
    Pair,
    Shares,
    WordRating,
    load_action_units,
    load_anchors,
    load_exclusions,
    load_forms,
    load_pairs,
    load_shares,
    load_words,
    theories,
)

__all__ = [
    "ActionUnitRow",
    "Anchor",
    "Exclusion",
    "Form",
    "Pair",
    "Part",
    "Shares",
    "Source",
    "Term",
    "WordRating",
    "load_action_units",
    "load_anchors",
    "load_exclusions",
    "load_forms",
    "load_pairs",
    "load_shares",
    "load_words",
    "theories",
]
