"""What the columns of a CSV file mean: by their names, or as the user says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from feab.data.columns import AFFECT, ATTRIBUTES, TEXT, au_column, au_of
from feab.errors import FeabError
from feab.vocabulary import ALIASES

WORDS = (*TEXT, *ATTRIBUTES, "video")
"""Columns of text. `video` is a cluster for intervals where no subject is known."""

AGE = "age"
"""A column of ages in years, which become `age_group`."""

PLAIN = ("image", "id", *WORDS, AGE, *AFFECT)
VOTES = "votes_"
"""How the name of a column begins that holds the votes for one label."""
_VOTES = re.compile(r"votes?_(.+)")
_AU = re.compile(r"au_?0?([1-9]\d?)(?:_(presence|intensity))?")
_BARE = re.compile(r"au\d\d")
_OFTEN = ("path", "file", "file_name", "filename", "image_path", "img", "picture", "photo", "name")
_NAMEABLE = re.compile(r"[^\x00-\x1f\x7f<>]{1,200}")  # what a manifest can hold (feab.schemas.Name)


@dataclass(frozen=True, slots=True)
class Header:
    """Where in a row each column of feab's stands."""

    plain: Mapping[str, int]
    """`image`, `id`, text columns, ages in years where no column gives their groups, valence and arousal."""
    coded: Mapping[str, int]
    """AU columns whose names say presence or intensity, as `au12_presence`."""
    bare: Mapping[int, int]
    """AU -> column whose name does not say which."""
    votes: Mapping[str, int]
    """`votes_happiness` and the like: how many people, or what share of them, saw each label."""
    unused: tuple[str, ...]


def read_header(path: Path, names: Sequence[str], told: Mapping[str, str]) -> Header:
    """The meaning of each column; `told` maps columns of feab's to names in the file, and goes before all else.

    Upper case, spaces and hyphens do not matter: "AU 1" and "au01" are one, and so are "Age-group" and "age_group".

    Raises:
        FeabError: when `told` names what is not there, two columns mean the same, or there is no image column.
    """
    placed: dict[str, int] = {}
    for target, name in told.items():
        meaning = meaning_of(target)
        if meaning is None:
            raise FeabError(
                f"column {target!r}: feab has none of that name; it has {', '.join(PLAIN)}, au01, ..., "
                f"{VOTES}happiness, ..."
            )
        if meaning in placed:
            raise FeabError(f"column {target!r}: given twice")
        placed[meaning] = _find(path, names, name, target)
    taken, said = set(placed.values()), frozenset(placed)
    for place, name in enumerate(names):
        meaning = meaning_of(name)
        if meaning is None or place in taken or meaning in said:
            continue
        if meaning in placed:
            raise FeabError(f"{path}: columns {names[placed[meaning]]!r} and {name!r} both mean {meaning}")
        placed[meaning] = place
        taken.add(place)
    if AGE in placed and "age_group" in placed:
        other = placed.pop("age_group" if AGE in said and "age_group" not in said else AGE)
        taken.discard(other)
    if "image" not in placed:
        raise FeabError(f"{path}: no column 'image'; it has {_list(names)}. {_hint(names)}")
    return Header(
        plain={name: placed[name] for name in PLAIN if name in placed},
        coded={name: place for name, place in placed.items() if au_of(name) is not None},
        bare={int(name[2:]): place for name, place in placed.items() if _BARE.fullmatch(name)},
        votes={name: place for name, place in placed.items() if name.startswith(VOTES)},
        unused=tuple(name or "(no name)" for place, name in enumerate(names) if place not in taken),
    )


def meaning_of(name: str) -> str | None:
    """The column of feab's that a name stands for: "Valence" -> "valence", "AU 4" -> "au04"; None for others.

    Votes go by the label: "Votes happy" -> "votes_happiness".
    """
    folded = re.sub(r"[\s-]+", "_", name.strip()).casefold()
    if folded in PLAIN:
        return folded
    vote = _VOTES.fullmatch(folded)
    if vote is not None:
        label = ALIASES.get(vote[1].replace("_", " "))
        return None if label is None else VOTES + label
    found = _AU.fullmatch(folded)
    if found is None:
        return None
    au = int(found[1])
    if found[2] == "presence":
        return au_column(au, "presence")
    return au_column(au, "intensity") if found[2] else f"au{au:02d}"


def _find(path: Path, names: Sequence[str], name: str, target: str) -> int:
    folded = [there.casefold() for there in names]
    wanted = name.strip()
    if wanted in names and _NAMEABLE.fullmatch(wanted):
        return names.index(wanted)
    if wanted.casefold() in folded and _NAMEABLE.fullmatch(wanted):
        return folded.index(wanted.casefold())
    raise FeabError(f"{path}: no column {name!r} (for {target}); it has {_list(names)}")


def _hint(names: Sequence[str]) -> str:
    known = {name.casefold(): name for name in names}
    likely = next((known[word] for word in _OFTEN if word in known), "NAME")
    return f"Say which one holds the pictures' paths: --column image={likely}"


def _list(names: Sequence[str], most: int = 30) -> str:
    shown = [f"{name:.40}" for name in names]
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")
