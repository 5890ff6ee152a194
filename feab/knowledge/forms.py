"""Expression forms: which action units, how strong, on which side, display an expression in one theory."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal, TypeAlias, cast, get_args

from feab.knowledge.rows import Row, Source

Side = Literal["both", "one"]
Kind = Literal["prototype", "variant"]

_TERM = re.compile(r"(?P<side>U?)(?P<au>[1-9][0-9]?)(?:(?P<low>[A-E])(?:-(?P<high>[A-E]))?)?")


@dataclass(frozen=True, slots=True)
class Part:
    """One action unit of a form: FACS intensity A to E as 1 to 5, on both sides or on one side only."""

    au: int
    low: int = 1
    high: int = 5
    side: Side = "both"


Term: TypeAlias = tuple[Part, ...]
"""Alternatives: exactly one of these parts is shown."""


@dataclass(frozen=True, slots=True)
class Form:
    """One way to display an expression: every term of `required`, and any whole groups of `optional`."""

    expression: str
    kind: Kind
    required: tuple[Term, ...]
    optional: tuple[tuple[Term, ...], ...]
    source: Source

    def expand(self) -> Iterator[tuple[Part, ...]]:
        """Every concrete set of parts the form allows: alternatives chosen, optional groups in or out."""
        for kept in product((False, True), repeat=len(self.optional)):
            terms = list(self.required)
            for group, keep in zip(self.optional, kept, strict=True):
                terms += group if keep else ()
            yield from product(*terms)

    @property
    def aus(self) -> frozenset[int]:
        """Every AU that may be part of it."""
        groups = [self.required, *self.optional]
        return frozenset(part.au for group in groups for term in group for part in term)


def _parse_group(row: Row, text: str, known: Collection[int]) -> tuple[Term, ...]:
    terms: list[Term] = []
    for written in text.split("+") if text else ():
        parts = []
        for choice in written.split("/"):
            match = _TERM.fullmatch(choice.strip())
            if match is None:
                raise row.fail(f"{choice!r} in {text!r} is no action unit (write 12, 12B, 12C-D, U14A, 25/26)")
            au = int(match["au"])
            if au not in known:
                raise row.fail(f"AU {au} in {text!r} is not in action_units.yaml")
            low = "_ABCDE".index(match["low"]) if match["low"] else 1
            high = "_ABCDE".index(match["high"]) if match["high"] else (low if match["low"] else 5)
            if low > high:
                raise row.fail(f"{choice!r}: the intensity range runs backwards")
            parts.append(Part(au, low, high, "one" if match["side"] else "both"))
        terms.append(tuple(parts))
    aus = [part.au for term in terms for part in term]
    if len(set(aus)) != len(aus):
        raise row.fail(f"an action unit occurs twice in {text!r}")
    return tuple(terms)


def parse_form(row: Row, known_aus: Collection[int], known_expressions: Collection[str]) -> list[Form]:
    """The form a row writes down, followed by the variants its `dropping` list makes (one AU left out at a time).

    Raises:
        FeabError: when the row is not of the form described in expressions_aus.yaml.
    """
    row.only("expression", "kind", "aus", "optional", "dropping", "source")
    expression, kind = row.text("expression"), row.text("kind")
    if expression not in known_expressions:
        raise row.fail(f"unknown expression {expression!r}; known are {', '.join(known_expressions)}")
    if kind not in get_args(Kind):
        raise row.fail(f"kind must be prototype or variant, got {kind!r}")
    required = _parse_group(row, row.text("aus"), known_aus)
    optional = []
    for text in row.items("optional"):
        if not isinstance(text, str) or not text:
            raise row.fail(f"an optional group must be text (put it in quotes), got {text!r}")
        optional.append(_parse_group(row, text, known_aus))
    form = Form(expression, cast(Kind, kind), required, tuple(optional), row.source)
    if {part.au for term in required for part in term} & {p.au for g in optional for t in g for p in t}:
        raise row.fail("an action unit is both required and optional")
    forms = [form]
    for dropped in row.items("dropping"):
        rest = tuple(term for term in required if [part.au for part in term] != [dropped])
        if len(rest) == len(required):
            raise row.fail(f"dropping: {dropped!r} is no term of {row.text('aus')!r}")
        forms.append(Form(expression, "variant", rest, form.optional, form.source))
    return forms
