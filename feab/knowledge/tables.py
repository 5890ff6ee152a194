"""Action units by themselves: what they are, which come together, and how often they are seen unasked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from feab.knowledge.rows import Row, Source, load_table


@dataclass(frozen=True, slots=True)
class ActionUnitRow:
    """One action unit: FACS's number, name and muscle, and what one sees, in feab's words."""

    number: int
    name: str
    muscle: str
    appearance: str
    source: Source


@dataclass(frozen=True, slots=True)
class Pair:
    """Two AUs that come together (`weight` > 0) or apart (< 0), whatever the expression.

    `weight` is their pair term in a log-linear model, in nats.
    """

    aus: tuple[int, int]
    weight: float
    source: Source


@dataclass(frozen=True, slots=True)
class Rate:
    """The share, in (0, 1), of spontaneous faces that show an AU."""

    au: int
    rate: float
    source: Source


@lru_cache(maxsize=8)
def load_action_units(folder: Path | None = None) -> Mapping[int, ActionUnitRow]:
    """AU number -> its row, in rising order: the 17 that are scored and those the other tables mention.

    `folder` holds other tables of the same form (default: the shipped ones); so in every loader here.

    Raises:
        FeabError: when a file is missing or a row is wrong; the message names file and row. So in every loader here.
    """
    units: dict[int, ActionUnitRow] = {}
    for row in load_table("action_units.yaml", folder).rows("units"):
        row.only("number", "name", "muscle", "appearance", "source")
        number = row.integer("number", row.get("number"))
        row.in_range("number", number, 1, 99)
        row.first(number, units)
        units[number] = ActionUnitRow(number, row.text("name"), row.text("muscle"), row.text("appearance"), row.source)
    return MappingProxyType(dict(sorted(units.items())))


def known_au(row: Row, au: Any, folder: Path | None) -> int:
    """`au` as a number, if action_units.yaml has it."""
    if isinstance(au, bool) or not isinstance(au, int) or au not in load_action_units(folder):
        raise row.fail(f"AU {au!r} is not in action_units.yaml")
    return au


@lru_cache(maxsize=8)
def load_pairs(folder: Path | None = None) -> tuple[Pair, ...]:
    """Pairs of AUs whose coming together differs from chance across expressions; signs from data, sizes our choice."""
    pairs: dict[tuple[int, ...], Pair] = {}
    for row in load_table("au_pairs.yaml", folder).rows("pairs"):
        row.only("aus", "weight", "source")
        aus = tuple(known_au(row, au, folder) for au in row.items("aus"))
        if len(aus) != 2 or aus[0] >= aus[1]:
            raise row.fail(f"'aus' must be two AUs in rising order, got {list(aus)}")
        row.first(aus, pairs)
        pairs[aus] = Pair((aus[0], aus[1]), row.number("weight", -10, 10), row.source)
    return tuple(pairs.values())


@lru_cache(maxsize=8)
def load_rates(folder: Path | None = None) -> Mapping[int, Rate]:
    """AU -> how often it is seen in faces that nobody asked to pose."""
    rates: dict[int, Rate] = {}
    for row in load_table("au_rates.yaml", folder).rows("rates"):
        row.only("au", "rate", "source")
        au = known_au(row, row.get("au"), folder)
        row.first(au, rates)
        rates[au] = Rate(au, row.number("rate", 0.001, 0.999), row.source)
    return MappingProxyType(rates)
