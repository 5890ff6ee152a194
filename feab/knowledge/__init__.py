"""The emotion tables of `generation/knowledge/`: action units, expression forms, valence-arousal, AU pairs.

Every row carries its source. Faces are rendered from these tables, prompts quote them and SEKE reasons with them.
"""

from __future__ import annotations

from feab.knowledge.forms import Form, Part, Term
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
from feab.knowledge.yamlfile import Source

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
