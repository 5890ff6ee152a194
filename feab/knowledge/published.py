"""Theories of facial expression as printed: forms that display an expression, and shares of posers who showed an AU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from feab.knowledge.forms import Form, parse_form
from feab.knowledge.rows import Source, load_table
from feab.knowledge.tables import known_au, load_action_units
from feab.vocabulary import EXPRESSIONS

_FILE = "expressions_aus.yaml"


@dataclass(frozen=True, slots=True)
class Shares:
    """How many posers showed each AU of one category; an AU in neither field was not tabled, which is not zero."""

    category: str
    above_70: frozenset[int]
    """Seen in more than 70 % of the posers; no number is printed."""
    shares: Mapping[int, float]
    """AU -> share in [0, 1], as printed."""
    source: Source


def theories(folder: Path | None = None) -> tuple[str, ...]:
    """The names `load_forms` takes."""
    return load_table(_FILE, folder).names("theories")


def studies(folder: Path | None = None) -> tuple[str, ...]:
    """The names `load_shares` takes."""
    return load_table(_FILE, folder).names("shares")


@lru_cache(maxsize=64)
def load_forms(theory: str, folder: Path | None = None) -> Mapping[str, tuple[Form, ...]]:
    """Expression -> its forms in one theory ("facs_2002", "emfacs", ...), prototypes first, no form twice.

    Variants that the theory defines as "a prototype without one of these AUs" are written out. Expressions a theory
    is silent on are missing.

    Raises:
        FeabError: when there is no such theory, a file is missing or a row is wrong; so in `load_shares`.
    """
    file, known = load_table(_FILE, folder), load_action_units(folder)
    forms: dict[str, list[Form]] = {}
    for row in file.rows("theories", file.named("theories", theory), "forms"):
        for form in parse_form(row, known, EXPRESSIONS):
            forms.setdefault(form.expression, []).append(form)
    return MappingProxyType({name: _distinct(forms[name]) for name in EXPRESSIONS if name in forms})


def _distinct(forms: list[Form]) -> tuple[Form, ...]:
    first: dict[tuple[Any, Any], Form] = {}
    for form in sorted(forms, key=lambda form: form.kind):  # "prototype" sorts before "variant"; the sort is stable
        first.setdefault((form.required, form.optional), form)
    return tuple(first.values())


@lru_cache(maxsize=8)
def load_shares(study: str, folder: Path | None = None) -> Mapping[str, Shares]:
    """Category -> observed AU shares of one study ("du2014": six expressions and fifteen compound ones)."""
    file = load_table(_FILE, folder)
    found: dict[str, Shares] = {}
    for row in file.rows("shares", file.named("shares", study)):
        row.only("category", "above_70", "shares", "source")
        category = row.text("category")
        row.first(category, found)
        given = row.get("shares")
        if not isinstance(given, Mapping):
            raise row.fail("'shares' must map AU numbers to shares")
        above = frozenset(known_au(row, au, folder) for au in row.items("above_70"))
        shares = {known_au(row, au, folder): row.in_range(f"share of {au}", p, 0, 1) for au, p in given.items()}
        if above & set(shares):
            raise row.fail(f"AU {min(above & set(shares))} is in both above_70 and shares")
        found[category] = Shares(category, above, MappingProxyType(shares), row.source)
    return MappingProxyType(found)
