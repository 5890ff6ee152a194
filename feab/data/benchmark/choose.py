"""Choosing faces of one source by its recipe: some people whole, equal classes, or enough faces for every AU.

Everything is decided by the labels and by the sha256 of seed, source and id, so that neither the order of a dataset's
rows nor the machine matters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feab.data.benchmark.faces import Faces, Numbers, Rows
from feab.data.benchmark.pool import Pool, Queue
from feab.data.benchmark.recipe import ClassesPart, PeoplePart, SourceRecipe, UnitsPart

MAX_TRIES = 2_000
"""Starts of the search for people. In 40 simulations of CK+ (118 people, 327 sequences) it took 0.01 s at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The faces chosen from one source."""

    rows: Rows
    """In rising order."""
    parts: Numbers
    """For each the number of the recipe's part that chose it."""
    short: tuple[str, ...]
    """What they lack of what the recipe wants, in words; empty where nothing."""


def choose(
    faces: Faces,
    recipe: SourceRecipe,
    labels: Sequence[str],
    seed: int,
    removed: Rows,
    on_progress: Callable[[int], None] | None = None,
) -> Choice:
    """Choose from a source.

    What one part lacks, the next has more of; what the last lacks, the first ones, where they have any left.

    Args:
        faces: of the source.
        recipe: what is taken from it.
        labels: of the set.
        seed: of the set.
        removed: faces that are not to be chosen.
        on_progress: called with the number of faces chosen so far.
    """
    pool = Pool(faces, recipe, removed, on_progress or (lambda done: None))
    short: list[str] = []
    due = 0
    for number, part in enumerate(recipe.parts):
        due += part.images
        if part.choose == "people":
            short += _people(pool, part, number, labels, seed)
        elif part.choose == "classes":
            _classes(pool, part, number, labels, due)
        else:
            _units(pool, part, number, recipe, due)
    for number, part in enumerate(recipe.parts[:-1]):
        if part.choose == "classes" and len(pool.taken) < due:
            _classes(pool, part, number, labels, due)
    rows, parts = pool.rows(), np.array([part for _, part in pool.taken], dtype=np.int64)
    if len(rows) < due and not short:
        short.append(f"{len(rows):,} of {due:,} images")
    people = len(faces.names(rows))
    if recipe.people is not None and people < recipe.people:
        short.append(f"{people} of {recipe.people} people")
    order = np.argsort(rows)
    return Choice(rows[order], parts[order], tuple(short))


# ------------------------------------------------------------------------------------------------------------- classes


def _classes(pool: Pool, part: ClassesPart, number: int, labels: Sequence[str], total: int) -> None:
    """Take faces until there are `total`: always of the class that has fewest, of two such classes the rarer one.

    A class that is exhausted thereby leaves what it lacks to the others, the rarest of them first. Of a class the next
    face is one of the person that has fewest.
    """
    faces = pool.faces
    places = [labels.index(label) for label in part.classes]
    rows = [np.flatnonzero(pool.free & (faces.label == place)) for place in places]
    queues = [Queue(pool, those) for those in rows]
    left = np.array([len(those) for those in rows])
    taken = [int(faces.label[row]) for row, by in pool.taken if by == number]
    have = np.array([taken.count(place) for place in places])
    while len(pool.taken) < total and left.any():
        rarest = min((have[k], left[k], k) for k in np.flatnonzero(left).tolist())[2]
        row = queues[rarest].best(pool.of_person[queues[rarest].person])
        assert row is not None
        gone = faces.label[pool.take(row, number)]
        left -= [np.count_nonzero(gone == place) for place in places]
        have[rarest] += 1


# --------------------------------------------------------------------------------------------------------------- units


def _units(pool: Pool, part: UnitsPart, number: int, recipe: SourceRecipe, total: int) -> None:
    """Take faces until there are `total`, so that every AU has its positives.

    Iterative stratification (Sechidis, Tsoumakas & Vlahavas 2011, On the stratification of multi-label data): the AU
    with the fewest faces left is served first, from the person that has fewest of it, and there from the cell that has
    fewest faces. What is then left to take is taken from the emptiest cells, whatever it displays.
    """
    faces, k = pool.faces, len(recipe.aus)
    shows = faces.units == 1
    queues = [Queue(pool, np.flatnonzero(pool.free & shows[:, j])) for j in range(k)]
    cells = int(faces.cell.max(initial=-1)) + 2  # the last is of faces in none
    left, in_cell = np.zeros((cells, k), dtype=np.int64), np.zeros(cells, dtype=np.int64)
    np.add.at(left, faces.cell[pool.free], shows[pool.free])
    share = -(-(total - len(pool.taken)) // max(len(np.unique(faces.cell[pool.free])), 1))
    taken = pool.rows()
    have = shows[taken].sum(axis=0)
    of_person = np.zeros((len(faces.people) + 1, k), dtype=np.int64)  # the last is of nobody known
    np.add.at(of_person, faces.person[taken], shows[taken])

    def take(row: int) -> None:
        gone = pool.take(row, number)
        np.subtract.at(left, faces.cell[gone], shows[gone])
        in_cell[faces.cell[row]] += 1
        have[:] += shows[row]
        of_person[faces.person[row]] += shows[row]

    while len(pool.taken) < total:
        open_ = left[in_cell < share].sum(axis=0)
        due = [(int(open_[j]), j) for j in range(k) if have[j] < part.positives and open_[j]]
        if not due:
            break
        j = min(due)[1]
        of = queues[j]
        row = of.best(of_person[of.person, j], in_cell[of.cell], only=in_cell[of.cell] < share)
        assert row is not None
        take(row)
    rest = Queue(pool, np.flatnonzero(pool.free & faces.coded))
    while len(pool.taken) < total:
        row = rest.best(in_cell[rest.cell], pool.of_person[rest.person])
        if row is None:
            break
        take(row)


# -------------------------------------------------------------------------------------------------------------- people


def _people(pool: Pool, part: PeoplePart, number: int, labels: Sequence[str], seed: int) -> list[str]:
    """Take all faces of some people whose classes are those wanted; says what is lacking where none are found."""
    faces = pool.faces
    classes = [labels.index(label) for label in part.classes]
    usable = np.flatnonzero(pool.free & np.isin(faces.label, classes))
    table = np.zeros((len(faces.people), len(classes)), dtype=np.int64)
    for column, label in enumerate(classes):
        np.add.at(table[:, column], faces.person[usable[faces.label[usable] == label]], 1)
    wanted = np.array(list(part.classes.values()), dtype=np.int64)
    there = np.flatnonzero(table.sum(axis=1))
    team, off = search_people(
        [faces.people[place] for place in there.tolist()], table[there], wanted, part.people, seed
    )
    chosen = usable[np.isin(faces.person[usable], there[team])]
    for label, most in zip(classes, part.classes.values(), strict=True):
        for row in sorted(chosen[faces.label[chosen] == label].tolist(), key=lambda row: int(faces.keys[row]))[:most]:
            pool.take(row, number)
    if not off:
        return []
    found = ", ".join(f"{word} {n}" for word, n in zip(part.classes, table[there[team]].sum(axis=0), strict=True))
    return [f"no {part.people} people with the classes wanted ({len(team)} have {found})"]


def search_people(
    names: Sequence[str], table: npt.NDArray[np.int64], wanted: npt.NDArray[np.int64], size: int, seed: int
) -> tuple[list[int], int]:
    """The first people found, in a seeded search, whose class counts sum to those wanted.

    A try starts from the `size` people whose sha256 of seed, try and name is least, and exchanges, as long as that
    brings it nearer, the two people whose exchange brings it nearest (ties: the first in that order).

    Args:
        names: of all people.
        table: (people, classes), their faces.
        wanted: (classes,).
        size: how many people.
        seed: of the order.

    Returns:
        Places of the people found, or of the nearest, in rising order; and by how many faces their counts are off.
    """
    best: tuple[int, list[int]] | None = None
    for attempt in range(MAX_TRIES if len(names) > size else 1):
        order = sorted(
            range(len(names)), key=lambda k: hashlib.sha256(f"{seed}\0{attempt}\0{names[k]}".encode()).digest()
        )
        team, bench = order[:size], order[size:]
        off = int(np.abs(table[team].sum(axis=0) - wanted).sum())
        while off and bench:
            sums = table[team].sum(axis=0) - wanted - table[team][:, None, :] + table[bench][None, :, :]
            distances = np.abs(sums).sum(axis=2)
            least = int(distances.min())
            if least >= off:
                break
            out, into = np.unravel_index(int(distances.argmin()), distances.shape)
            team[out], bench[into] = bench[into], team[out]
            off = least
        if best is None or off < best[0]:
            best = off, sorted(team)
        if not off:
            break
    return (best[1], best[0]) if best is not None else ([], int(wanted.sum()))
