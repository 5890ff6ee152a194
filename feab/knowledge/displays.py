"""P(AU | expression) by one theory: a number for every expression and scored AU, and the band the theory leaves open.

A study of posers prints shares; other theories only say which units belong to a form. The rule that turns forms into
numbers is our choice:

* A prototype counts twice, a variant once. Alternatives (25/26) share their form's weight, an optional group is there
  half the time. The share s of an AU is the weight of the forms that contain it.
* P = u + (.85 - u) s, where u is what an AU has that the theory does not name: its rate in spontaneous faces, at most
  .05. So an AU of every form gets .85, as does one that a study prints as "more than 70 %".
* AU 27 counts as 26, which codes how far the jaw drops; 26 brings 25, since a dropped jaw parts the lips. AUs outside
  the 17 are left out. A trace, and a movement of one side, count as shown.

Expressions a theory is silent on (always neutral, mostly contempt) are taken from the forms named `feab`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from types import MappingProxyType

from feab.errors import FeabError
from feab.knowledge.forms import Form, Term
from feab.knowledge.published import Shares, load_forms, load_shares, studies, theories
from feab.knowledge.rows import Source, load_table
from feab.knowledge.tables import load_rates
from feab.vocabulary import EXPRESSIONS, FEAB_17

TOP = 0.85
"""P of an AU that every form has, or that more than 70 % of posers showed."""

UNNAMED = 0.05
"""The most that an AU has which the theory does not name."""

FILLER = "feab"
"""The forms that stand in where a theory is silent."""

_WEIGHTS = {"prototype": 2.0, "variant": 1.0}
_BANDS = ((1.0, (0.70, 1.0)), (0.5, (0.40, 0.90)), (0.0, (0.02, 0.50)))
"""Least share of the forms, and the band of P. An AU in no form has `_SILENT`, as one below a study's cut of 20 %."""
_SILENT = (0.0, 0.20)

_MEANT_BY = MappingProxyType({25: frozenset({25, 26, 27}), 26: frozenset({26, 27})})
"""The AUs of forms by which a scored AU is meant, where it is not itself alone."""


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How probable an AU is in a display of an expression.

    Attributes:
        value: in (0, 1).
        low: the least that the theory's words allow; equal to `high` where a number is printed.
        high: the most they allow.
        named: whether the theory names the AU for this expression.
    """

    value: float
    low: float
    high: float
    named: bool

    @property
    def printed(self) -> bool:
        """Whether `value` is a number that the source prints, and no reading of its words."""
        return self.low == self.high


@dataclass(frozen=True, slots=True)
class Displays:
    """P(AU | expression) for the eight expressions and the 17 scored AUs, by one theory."""

    theory: str
    title: str
    table: Mapping[str, Mapping[int, Likelihood]]
    sources: Mapping[str, tuple[Source, ...]]
    borrowed: frozenset[str]
    """Expressions the theory is silent on, taken from `feab`."""


def display_theories(folder: Path | None = None) -> tuple[str, ...]:
    """The names `load_displays` takes: studies of posers, then theories made of forms."""
    return (*studies(folder), *(name for name in theories(folder) if name != FILLER))


@lru_cache(maxsize=32)
def load_displays(theory: str = "du2014", folder: Path | None = None) -> Displays:
    """P(AU | expression) by one theory ("du2014", "facs_2002", "emfacs", "keltner_2019", "cordaro_core", ...).

    Raises:
        FeabError: when there is no such theory, or a table is wrong.
    """
    known = display_theories(folder)
    if theory not in known:
        raise FeabError(f"unknown theory {theory!r}; known are {', '.join(known)}")
    floor = _floor(folder)
    table: dict[str, Mapping[int, Likelihood]] = {}
    sources: dict[str, tuple[Source, ...]] = {}
    if theory in studies(folder):
        title = "shares of posers"
        for name, shares in load_shares(theory, folder).items():
            if name in EXPRESSIONS:
                table[name], sources[name] = _of_shares(shares, floor), (shares.source,)
    else:
        title = load_table("expressions_aus.yaml", folder).mapping("theories", theory).text("title")
        for name, forms in load_forms(theory, folder).items():
            table[name], sources[name] = _of_forms(forms, floor), _sources(forms)
    borrowed = frozenset(EXPRESSIONS) - frozenset(table)
    for name in borrowed:
        forms = load_forms(FILLER, folder).get(name, ())
        if not forms:
            raise FeabError(f"theory {theory!r} has no form of {name}, and {FILLER!r} has none either")
        table[name], sources[name] = _of_forms(forms, floor), _sources(forms)
    ordered = {name: MappingProxyType(dict(table[name])) for name in EXPRESSIONS}
    return Displays(theory, title, MappingProxyType(ordered), MappingProxyType(sources), borrowed)


def _floor(folder: Path | None) -> dict[int, float]:
    rates = load_rates(folder)
    missing = [au for au in FEAB_17 if au not in rates]
    if missing:
        raise FeabError(f"au_rates.yaml: no rate for AU {', '.join(map(str, missing))}")
    return {au: min(rates[au].rate, UNNAMED) for au in FEAB_17}


def _of_shares(row: Shares, floor: Mapping[int, float]) -> Mapping[int, Likelihood]:
    found = {}
    for au, unnamed in floor.items():
        if au in row.above_70:
            found[au] = Likelihood(TOP, 0.70, 1.0, True)
        elif au in row.shares:
            share = row.shares[au]
            found[au] = Likelihood(share, share, share, True)
        else:
            found[au] = Likelihood(unnamed, *_SILENT, False)
    return found


def _of_forms(forms: tuple[Form, ...], floor: Mapping[int, float]) -> Mapping[int, Likelihood]:
    whole = sum(_WEIGHTS[form.kind] for form in forms)
    found = {}
    for au, unnamed in floor.items():
        meant = _MEANT_BY.get(au, frozenset({au}))
        share = sum(_WEIGHTS[form.kind] * _probability(form, meant) for form in forms) / whole
        band = next(band for least, band in _BANDS if share >= least - 1e-9) if share > 0 else _SILENT
        found[au] = Likelihood(unnamed + (TOP - unnamed) * share, *band, share > 0)
    return found


def _probability(form: Form, aus: frozenset[int]) -> float:
    """How often a form has at least one of these AUs: alternatives equally often, optional groups half the time."""

    def without(terms: tuple[Term, ...]) -> float:
        return prod(1 - sum(part.au in aus for part in term) / len(term) for term in terms)

    return 1 - without(form.required) * prod((1 + without(group)) / 2 for group in form.optional)


def _sources(forms: tuple[Form, ...]) -> tuple[Source, ...]:
    return tuple(dict.fromkeys(form.source for form in forms))
