"""The knowledge tables as records: action units, forms, shares, valence-arousal anchors and AU pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from feab.content import shipped
from feab.errors import FeabError
from feab.knowledge.forms import Form, parse_form
from feab.knowledge.rows import Row, Source, TableFile, read_table
from feab.vocabulary import EXPRESSIONS


@dataclass(frozen=True, slots=True)
class ActionUnitRow:
    """One action unit: FACS's number, name and muscle, and what one sees, in feab's words."""

    number: int
    name: str
    muscle: str
    appearance: str
    source: Source


@dataclass(frozen=True, slots=True)
class Shares:
    """How many posers showed each AU of one category; an AU in neither field was not tabled, which is not zero."""

    category: str
    above_70: frozenset[int]
    """Seen in more than 70 % of the posers; no number is printed."""
    shares: Mapping[int, float]
    """AU -> share in [0, 1], as printed."""
    source: Source


@dataclass(frozen=True, slots=True)
class WordRating:
    """Mean rating of an emotion word, each axis in [-1, 1]; None where no copy of the number was found."""

    term: str
    valence: float
    arousal: float
    dominance: float
    valence_sd: float | None
    arousal_sd: float | None
    source: Source


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where an expression lies in valence and arousal (each in [-1, 1]), and how far ratings spread."""

    expression: str
    valence: float
    arousal: float
    valence_sd: float
    arousal_sd: float
    terms: tuple[str, ...]
    source: Source


@dataclass(frozen=True, slots=True)
class Pair:
    """Two AUs that come together (sign 1) or apart (sign -1), whatever the expression."""

    aus: tuple[int, int]
    sign: int
    source: Source


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Two AUs that shut each other out: `weight` < 0 is their pair term in a log-linear model."""

    aus: tuple[int, int]
    weight: float
    source: Source


@lru_cache(maxsize=32)
def _table(name: str, folder: Path | None) -> TableFile:
    return read_table((folder or shipped("generation") / "knowledge") / name)


def _unique(row: Row, key: Any, seen: Mapping[Any, Any]) -> None:
    if key in seen:
        raise row.fail(f"{key!r} occurs twice")


@lru_cache(maxsize=8)
def load_action_units(folder: Path | None = None) -> Mapping[int, ActionUnitRow]:
    """AU number -> its row, in rising order: the 17 that are scored and those the other tables mention.

    `folder` holds other tables of the same form (default: the shipped ones); so in every loader here.

    Raises:
        FeabError: when a file is missing or a row is wrong; the message names file and row. So in every loader here.
    """
    units: dict[int, ActionUnitRow] = {}
    for row in _table("action_units.yaml", folder).rows("units"):
        row.only("number", "name", "muscle", "appearance", "source")
        number = row.integer("number", row.get("number"))
        row.in_range("number", number, 1, 99)
        _unique(row, number, units)
        units[number] = ActionUnitRow(number, row.text("name"), row.text("muscle"), row.text("appearance"), row.source)
    return MappingProxyType(dict(sorted(units.items())))


def theories(folder: Path | None = None) -> tuple[str, ...]:
    """The names `load_forms` takes."""
    listed = _table("expressions_aus.yaml", folder).data.get("theories")
    if not isinstance(listed, Mapping):
        raise FeabError("expressions_aus.yaml: 'theories' must be a mapping")
    return tuple(str(name) for name in listed)


@lru_cache(maxsize=64)
def load_forms(theory: str, folder: Path | None = None) -> Mapping[str, tuple[Form, ...]]:
    """Expression -> its forms in one theory ("facs_2002", "emfacs", ...), prototypes first, no form twice.

    Variants that the theory defines as "a prototype without one of these AUs" are written out. Expressions a theory
    is silent on are missing.
    """
    if theory not in theories(folder):
        raise FeabError(f"unknown theory {theory!r}; known are {', '.join(theories(folder))}")
    known = load_action_units(folder)
    forms: dict[str, list[Form]] = {}
    for row in _table("expressions_aus.yaml", folder).rows("theories", theory, "forms"):
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
    table = _table("expressions_aus.yaml", folder)
    listed = table.data.get("shares")
    if not isinstance(listed, Mapping) or study not in listed:
        known_studies = ", ".join(map(str, listed)) if isinstance(listed, Mapping) else "none"
        raise FeabError(f"unknown study {study!r}; known are {known_studies}")
    known = load_action_units(folder)
    found: dict[str, Shares] = {}
    for row in table.rows("shares", study):
        row.only("category", "above_70", "shares", "source")
        category = row.text("category")
        _unique(row, category, found)
        given = row.get("shares")
        if not isinstance(given, Mapping):
            raise row.fail("'shares' must map AU numbers to shares")
        above = frozenset(_known_au(row, au, known) for au in row.items("above_70"))
        shares = {_known_au(row, au, known): row.in_range(f"share of {au}", p, 0, 1) for au, p in given.items()}
        if above & set(shares):
            raise row.fail(f"AU {min(above & set(shares))} is in both above_70 and shares")
        found[category] = Shares(category, above, MappingProxyType(shares), row.source)
    return MappingProxyType(found)


def _known_au(row: Row, au: Any, known: Mapping[int, ActionUnitRow]) -> int:
    if isinstance(au, bool) or au not in known:
        raise row.fail(f"AU {au!r} is not in action_units.yaml")
    return int(au)


@lru_cache(maxsize=8)
def load_words(folder: Path | None = None) -> Mapping[str, WordRating]:
    """Emotion word -> its mean valence, arousal and dominance (Russell & Mehrabian 1977, a selection)."""
    words: dict[str, WordRating] = {}
    for row in _table("valence_arousal.yaml", folder).rows("terms"):
        row.only("term", "valence", "arousal", "dominance", "valence_sd", "arousal_sd", "source")
        _unique(row, row.text("term"), words)
        words[row.text("term")] = WordRating(
            row.text("term"),
            row.number("valence", -1, 1),
            row.number("arousal", -1, 1),
            row.number("dominance", -1, 1),
            row.number_or_none("valence_sd", 0, 2),
            row.number_or_none("arousal_sd", 0, 2),
            row.source,
        )
    return MappingProxyType(words)


@lru_cache(maxsize=8)
def load_anchors(folder: Path | None = None) -> Mapping[str, Anchor]:
    """Expression -> where its display is anchored in valence and arousal: the mean of its words' ratings.

    Surprise is the mean of surprised, astonished and startled (.16, .73), because the rating of the word surprised
    alone (+.40) does not describe faces (our choice); neutral is (0, 0) (our choice).
    """
    words = load_words(folder)
    anchors: dict[str, Anchor] = {}
    for row in _table("valence_arousal.yaml", folder).rows("anchors"):
        row.only("expression", "valence", "arousal", "valence_sd", "arousal_sd", "terms", "sd_of", "source")
        expression = row.text("expression")
        _unique(row, expression, anchors)
        if expression not in EXPRESSIONS:
            raise row.fail(f"unknown expression {expression!r}; known are {', '.join(EXPRESSIONS)}")
        anchors[expression] = _from_words(row, words) if "terms" in row.data else _as_given(row)
    missing = [name for name in EXPRESSIONS if name not in anchors]
    if missing:
        raise FeabError(f"valence_arousal.yaml: no anchor for {', '.join(missing)}")
    return MappingProxyType({name: anchors[name] for name in EXPRESSIONS})


def _as_given(row: Row) -> Anchor:
    v, a = row.number("valence", -1, 1), row.number("arousal", -1, 1)
    return Anchor(
        row.text("expression"), v, a, row.number("valence_sd", 0, 2), row.number("arousal_sd", 0, 2), (), row.source
    )


def _from_words(row: Row, words: Mapping[str, WordRating]) -> Anchor:
    for term in [*row.items("terms"), row.text("sd_of")]:
        if term not in words:
            raise row.fail(f"{term!r} is not among the file's `terms`")
    chosen = [words[term] for term in row.items("terms")]
    spread = words[row.text("sd_of")]
    if not chosen or spread.valence_sd is None or spread.arousal_sd is None:
        raise row.fail("needs at least one term, and an `sd_of` whose SDs are known")
    return Anchor(
        row.text("expression"),
        sum(word.valence for word in chosen) / len(chosen),
        sum(word.arousal for word in chosen) / len(chosen),
        spread.valence_sd,
        spread.arousal_sd,
        tuple(word.term for word in chosen),
        row.source,
    )


def _two_aus(row: Row, known: Mapping[int, ActionUnitRow]) -> tuple[int, int]:
    aus = [_known_au(row, au, known) for au in row.items("aus")]
    if len(aus) != 2 or aus[0] >= aus[1]:
        raise row.fail(f"'aus' must be two AUs in rising order, got {aus}")
    return aus[0], aus[1]


@lru_cache(maxsize=8)
def load_pairs(folder: Path | None = None) -> tuple[Pair, ...]:
    """Pairs of AUs with the sign of their correlation across expressions."""
    known, pairs = load_action_units(folder), []
    for row in _table("au_pairs.yaml", folder).rows("pairs"):
        row.only("aus", "sign", "source")
        if row.get("sign") not in (1, -1):
            raise row.fail(f"'sign' must be 1 or -1, got {row.get('sign')!r}")
        pairs.append(Pair(_two_aus(row, known), row.integer("sign", row.get("sign")), row.source))
    return tuple(pairs)


@lru_cache(maxsize=8)
def load_exclusions(folder: Path | None = None) -> tuple[Exclusion, ...]:
    """Pairs of AUs that exclude each other, with weights that are our choice."""
    known, found = load_action_units(folder), []
    for row in _table("au_pairs.yaml", folder).rows("exclusions"):
        row.only("aus", "weight", "source")
        found.append(Exclusion(_two_aus(row, known), row.number("weight", -10, 0), row.source))
    return tuple(found)
