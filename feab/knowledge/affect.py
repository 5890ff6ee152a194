"""Valence and arousal: ratings of words, where they put each expression, and which way each action unit moves them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from feab.errors import FeabError
from feab.knowledge.rows import Row, Source, load_table
from feab.knowledge.tables import known_au
from feab.vocabulary import EXPRESSIONS


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
class Loading:
    """How far one AU moves valence and arousal from the average of its expression, at most 2 either way."""

    au: int
    valence: float
    arousal: float
    source: Source


@lru_cache(maxsize=8)
def load_words(folder: Path | None = None) -> Mapping[str, WordRating]:
    """Emotion word -> its mean valence, arousal and dominance (Russell & Mehrabian 1977, a selection).

    `folder` holds other tables of the same form (default: the shipped ones); so in every loader here.

    Raises:
        FeabError: when a file is missing or a row is wrong; the message names file and row. So in every loader here.
    """
    words: dict[str, WordRating] = {}
    for row in load_table("valence_arousal.yaml", folder).rows("terms"):
        row.only("term", "valence", "arousal", "dominance", "valence_sd", "arousal_sd", "source")
        row.first(row.text("term"), words)
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


def anchor_tables(folder: Path | None = None) -> tuple[str, ...]:
    """The names `load_anchors` takes."""
    return load_table("valence_arousal.yaml", folder).names("anchors")


@lru_cache(maxsize=8)
def load_anchors(table: str = "words", folder: Path | None = None) -> Mapping[str, Anchor]:
    """Expression -> where its display is anchored in valence and arousal: the mean of its words' ratings.

    Surprise of the table "words" is the mean of surprised, astonished and startled (.16, .73), because the rating of
    the word surprised alone (+.40) does not describe faces (our choice); neutral is (0, 0) (our choice). "neighbours"
    takes words close in meaning instead.
    """
    words = load_words(folder)
    anchors: dict[str, Anchor] = {}
    file = load_table("valence_arousal.yaml", folder)
    for row in file.rows("anchors", file.named("anchors", table)):
        row.only("expression", "valence", "arousal", "valence_sd", "arousal_sd", "terms", "sd_of", "source")
        expression = row.text("expression")
        row.first(expression, anchors)
        if expression not in EXPRESSIONS:
            raise row.fail(f"unknown expression {expression!r}; known are {', '.join(EXPRESSIONS)}")
        anchors[expression] = _from_words(row, words) if "terms" in row.data else _as_given(row)
    missing = [name for name in EXPRESSIONS if name not in anchors]
    if missing:
        raise FeabError(f"{file.name}: anchors.{table}: none for {', '.join(missing)}")
    return MappingProxyType({name: anchors[name] for name in EXPRESSIONS})


def _as_given(row: Row) -> Anchor:
    v, a = row.number("valence", -1, 1), row.number("arousal", -1, 1)
    v_sd, a_sd = row.number("valence_sd", 0.05, 2), row.number("arousal_sd", 0.05, 2)
    return Anchor(row.text("expression"), v, a, v_sd, a_sd, (), row.source)


def _from_words(row: Row, words: Mapping[str, WordRating]) -> Anchor:
    for term in [*row.items("terms"), row.text("sd_of")]:
        if term not in words:
            raise row.fail(f"{term!r} is not among the file's `terms`")
    chosen = [words[term] for term in row.items("terms")]
    spread = words[row.text("sd_of")]
    if not chosen or not spread.valence_sd or not spread.arousal_sd:
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


def loading_tables(folder: Path | None = None) -> tuple[str, ...]:
    """The names `load_loadings` takes."""
    return load_table("au_valence_arousal.yaml", folder).names("tables")


@lru_cache(maxsize=8)
def load_loadings(table: str = "rule", folder: Path | None = None) -> Mapping[int, Loading]:
    """AU -> how it moves valence and arousal, by one table: "rule" (what labels rendered faces) or "affdex"."""
    file = load_table("au_valence_arousal.yaml", folder)
    head = file.mapping("tables", file.named("tables", table))
    head.only("title", "scale", "rows")
    scale = head.number("scale", 0, 1)
    found: dict[int, Loading] = {}
    for row in file.rows("tables", table, "rows"):
        row.only("au", "valence", "arousal", "source")
        au = known_au(row, row.get("au"), folder)
        row.first(au, found)
        moves = [round(scale * row.number(axis, -2, 2), 12) for axis in ("valence", "arousal")]
        if any(abs(1000 * move - round(1000 * move)) > 1e-6 for move in moves):
            raise row.fail("at most three decimals once scaled")
        found[au] = Loading(au, moves[0], moves[1], row.source)
    return MappingProxyType(found)
