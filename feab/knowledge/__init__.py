"""What is known of how expression, valence-arousal and action units go together, and an exact model of it.

The tables of `generation/knowledge/`, every row with its source: action units, pairs and base rates (`tables`), forms
and shares of each theory (`published`), P(AU | expression) made from them (`displays`), valence and arousal (`affect`).
From these a joint model (`joint`) answers in every direction (`inference`) from whatever is known of a face
(`evidence`). Generation (SEKE) quotes the tables and asks the model.

Faces are drawn from `feab.faces.forms`, a choice from these tables with letters and shares of our own: the tests hold
the two against each other and list where they differ.
"""

from __future__ import annotations

from feab.knowledge.affect import (
    Anchor,
    Loading,
    WordRating,
    anchor_tables,
    load_anchors,
    load_loadings,
    load_words,
    loading_tables,
)
from feab.knowledge.coding import Coded, coded
from feab.knowledge.displays import Displays, Likelihood, display_theories, load_displays
from feab.knowledge.evidence import GRID, Evidence, Given, certain, gaussian, nothing
from feab.knowledge.forms import Form, Part, Term
from feab.knowledge.inference import Posterior, affect_grid, agreement, log_likelihood, posterior
from feab.knowledge.joint import JointModel, Knowledge, fit_joint, load_knowledge, shuffled
from feab.knowledge.published import Shares, load_forms, load_shares, studies, theories
from feab.knowledge.rows import Source
from feab.knowledge.tables import ActionUnitRow, Pair, Rate, load_action_units, load_pairs, load_rates

__all__ = [
    "GRID",
    "ActionUnitRow",
    "Anchor",
    "Coded",
    "Displays",
    "Evidence",
    "Form",
    "Given",
    "JointModel",
    "Knowledge",
    "Likelihood",
    "Loading",
    "Pair",
    "Part",
    "Posterior",
    "Rate",
    "Shares",
    "Source",
    "Term",
    "WordRating",
    "affect_grid",
    "agreement",
    "anchor_tables",
    "certain",
    "coded",
    "display_theories",
    "fit_joint",
    "gaussian",
    "load_action_units",
    "load_anchors",
    "load_displays",
    "load_forms",
    "load_knowledge",
    "load_loadings",
    "load_pairs",
    "load_rates",
    "load_shares",
    "load_words",
    "loading_tables",
    "log_likelihood",
    "nothing",
    "posterior",
    "shuffled",
    "studies",
    "theories",
]
