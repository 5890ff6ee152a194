"""Lists of how people voted on clips, which lie beside a dataset's labels: joined by the clip's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from feab.data.readers.record import Skip
from feab.data.readers.tree import Tree, number_in
from feab.errors import FeabError

_ROUNDED = 0.02
"""How far shares may be from a sum of 1."""


def votes_beside(
    tree: Tree,
    files: Sequence[str],
    name: str,
    columns: Sequence[str],
    raters: int,
    places: Mapping[str, int],
    skip: Skip,
) -> dict[str, list[float]]:
    """Clip -> how people voted on it, as `clip_votes`; nothing where there is no such list, or none that can be used.

    A list that cannot be read, or whose votes contradict most labels (and so stand in another order, or belong to
    other clips), is told of as one fault: labels do not depend on it.

    Args:
        tree: the dataset's folder.
        files: the list, as it may be called; the first that is there.
        name: the column with the clips' names.
        columns: one a label, in their order.
        raters: how many people were asked.
        places: clip (as `clip_key` has it) -> the place of its label among the labels.
        skip: told of what cannot be used.
    """
    file = next((file for file in files if tree.has(file)), None)
    if file is None:
        return {}
    try:
        found = clip_votes(tree, file, name, columns, raters, skip)
        check_order(found, places)
    except FeabError as error:
        words = str(error).removeprefix(f"{tree.root / file}: ")
        skip(file, None, "bad row", f"the votes are left out: {words}")
        return {}
    return found


def clip_votes(
    tree: Tree, file: str, name: str, columns: Sequence[str], raters: int, skip: Skip
) -> dict[str, list[float]]:
    """Clip -> the votes for some labels: numbers of people, or shares of them, whichever most rows of the file are.

    Rows are read as numbers of people where these are whole and most rows sum to more than half of those who voted
    (so that marks of 0 and 1 do not pass for votes), else as shares where they sum to 1. A row without any number is
    of a clip that nobody voted on.

    Args:
        tree: the dataset's folder.
        file: the list (.csv or .xlsx), with a header.
        name: the column with the clips' names, which are numbers; endings of file names and zeros before them are
            left out.
        columns: one a label, in their order.
        raters: how many people were asked.
        skip: told of rows that are no votes, and of a whole file that holds none.

    Raises:
        FeabError: when the file cannot be read or lacks a column.
    """
    found: dict[str, list[float]] = {}
    lines: dict[str, int] = {}
    for number, row in tree.table(file, (name, *columns)):
        cells = [row.get(column.casefold(), "") for column in columns]
        if not any(cells):
            continue
        clip = clip_key(row.get(name.casefold(), ""))
        values = [value for cell in cells if (value := number_in(cell, 0, raters)) is not None]
        if not clip.isdecimal():
            skip(file, number, "bad row", f"{clip!r:.60} is no number of a clip")
        elif len(values) < len(columns):
            skip(file, number, "bad row", f"{','.join(cells)!r:.100} are no votes of 0 to {raters} on a clip")
        elif clip in found:
            skip(file, number, "same id", f"the clip {clip!r:.60} occurs already")
        else:
            found[clip], lines[clip] = values, number
    whole = {clip for clip, values in found.items() if all(v == int(v) for v in values) and 1 <= sum(values) <= raters}
    shares = {clip for clip, values in found.items() if abs(sum(values) - 1) <= _ROUNDED}
    if 2 * sum(2 * sum(found[clip]) > raters for clip in whole) > len(found):
        kept, words = whole, f"whole numbers that sum to 1 to {raters}"
    elif 2 * len(shares) > len(found) and not shares <= whole:
        kept, words = shares, "shares that sum to 1"
    else:
        if found:
            skip(file, None, "bad row", f"most rows are neither votes of {raters} people nor shares that sum to 1")
        return {}
    for clip in (clip for clip in found if clip not in kept):
        skip(file, lines[clip], "out of range", f"the votes are not {words}")
    return {clip: found[clip] for clip in found if clip in kept}


def check_order(votes: Mapping[str, Sequence[float]], places: Mapping[str, int]) -> None:
    """Whether votes stand in the order of the labels.

    Args:
        votes: clip -> its votes.
        places: clip -> the place of its label among the labels.

    Raises:
        FeabError: when most of them contradict the labels.
    """
    agree = [votes[clip][place] == max(votes[clip]) for clip, place in places.items() if clip in votes]
    if 2 * sum(agree) < len(agree):
        raise FeabError("most of them contradict the labels, so they are not in their order, or of other clips")


def clip_key(name: str) -> str:
    """What two spellings of a clip's name have in common: of "00012.mp4", "00012" and "12" it is "12"."""
    stem = name.rpartition(".")[0] or name
    return stem.lstrip("0") or stem[-1:]
