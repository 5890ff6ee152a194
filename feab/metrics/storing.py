"""Sums as plain arrays and back, so that they can be kept in a file: no pickle, and nothing that could be run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from feab.errors import FeabError
from feab.metrics.action_units import ActionUnitFormula
from feab.metrics.expression import ExpressionFormula
from feab.metrics.sums import ClusterSums
from feab.metrics.valence_arousal import ValenceArousalFormula

_PLAIN = ("kind", "primary", "names", "scales", "clusters", "sources")
"""Fields that are words."""


def to_arrays(sums: ClusterSums) -> dict[str, npt.NDArray[Any]]:
    """The sums of a task as arrays by name, of numbers and words only.

    Raises:
        FeabError: for sums of another kind than `expression_sums`, `valence_arousal_sums` and `action_unit_sums` make.
    """
    formula = sums.formula
    if isinstance(formula, ExpressionFormula):
        of = np.asarray(formula.kept)
    elif isinstance(formula, ActionUnitFormula):
        of = np.asarray(formula.enough)
    elif isinstance(formula, ValenceArousalFormula):
        of = np.asarray(formula.classes)
    else:
        raise FeabError(f"sums for {sums.primary} are not kept in files")
    words = {name: np.array(getattr(sums, name), dtype=np.str_) for name in _PLAIN}
    return {**words, "table": sums.table, "support": sums.support, "formula": of}


def from_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> ClusterSums:
    """The sums that `to_arrays` took apart.

    Raises:
        FeabError: when an array is missing, or they do not fit together.
    """
    try:
        words: dict[str, Any] = {name: arrays[name].tolist() for name in _PLAIN}
        table, support, of = (arrays[name] for name in ("table", "support", "formula"))
    except KeyError as error:
        raise FeabError(f"sums without {error}") from None
    shape = (len(words["clusters"]), len(words["names"]))
    typed = table.dtype == np.float64 and support.dtype == np.bool_
    if table.ndim != 2 or len(table) != shape[0] or support.shape != shape or not typed:
        raise FeabError("sums whose parts do not fit together")
    if words["kind"] == "expression":
        formula: Any = ExpressionFormula(of)
    else:
        formula = ActionUnitFormula(of) if words["kind"] == "action_units" else ValenceArousalFormula(int(of))
    lists = {name: tuple(value) for name, value in words.items() if isinstance(value, list)}
    return ClusterSums(**{**words, **lists}, table=table, support=support, formula=formula)
