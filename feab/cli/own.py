"""Data of a user's own on the command line: how it was understood, said before anything is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from feab.cli.output import say
from feab.data import Dataset, load_dataset
from feab.data.columns import au_column
from feab.data.places import is_dynamic, is_embedded, own_path
from feab.errors import FeabError
from feab.tasks.made import AU_THRESHOLD, made_for

if TYPE_CHECKING:
    from feab.tasks import Task

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class OwnData:
    """What the user told of the data to ask about, and how to read it."""

    data: str | None
    columns: Sequence[str]
    """`--column feab's=NAME` pairs."""
    images: Path | None
    au_threshold: float | None


def parse_columns(given: Sequence[str]) -> dict[str, str]:
    """`--column feab's=NAME` pairs.

    Raises:
        FeabError: for a pair without "=", or one of feab's columns given twice.
    """
    found: dict[str, str] = {}
    for pair in given:
        column, equals, name = pair.partition("=")
        if not (equals and column.strip() and name.strip()):
            raise FeabError(f"--column {pair}: write FEAB_COLUMN=NAME, as in --column expression=emotion")
        if column.strip() in found:
            raise FeabError(f"--column {column}: given twice")
        found[column.strip()] = name.strip()
    return found


def open_told(
    data: str | None, columns: Sequence[str], images: Path | None, on_progress: Progress, *, split: str = "test"
) -> Dataset:
    """A dataset, read with the columns and the folder of pictures that the user told.

    Raises:
        FeabError: as `feab.load_dataset`; also without --data.
    """
    if data is None:
        raise FeabError("--column, --images and --au-threshold say how --data is read; there is no --data")
    return load_dataset(data, split, columns=parse_columns(columns), images=images, on_progress=on_progress)


def to_ask(own: OwnData, tasks: Sequence[str] | None, on_progress: Progress) -> Dataset | str | None:
    """What `feab.run` is to take as its data; where tasks are made for it, or it is the user's own, say what it holds.

    Raises:
        FeabError: as `feab.load_dataset` and `feab.tasks.made_for`.
    """
    data = own.data
    told = bool(own.columns) or own.images is not None
    if data is None and not told and own.au_threshold is None:
        return None
    if data is not None and not told and own_path(data) is None and (tasks or is_embedded(data) or is_dynamic(data)):
        return data
    dataset = open_told(data, own.columns, own.images, on_progress)
    say(f"data: {dataset.path}: {dataset.info.source or dataset.name}")
    made = [] if tasks else made_for(dataset, au_threshold=own.au_threshold)
    threshold = next((task.threshold for task in made if task.threshold), AU_THRESHOLD)
    for key, value in counts(dataset, threshold):
        say(f"  {key:<16} {value}")
    for note in dataset.notes:
        say(f"  {note}")
    for note in _not_asked(dataset, made) if made else ():
        say(f"  {note}")
    if made:
        say(f"  tasks made: {', '.join(task.name for task in made)}")
    return dataset


def _not_asked(dataset: Dataset, made: Sequence[Task]) -> list[str]:
    """Labels that are there and for which no task could be made, a line each."""
    kinds = {task.kind for task in made}
    labels = dataset.labels(("valence", "arousal"))
    found = []
    if dataset.info.labels and "expression" not in kinds:
        found.append("expression is not asked: fewer than two labels occur, so there is nothing to choose between")
    if labels.notna().any(axis=None) and "valence_arousal" not in kinds:
        found.append("valence and arousal are not asked: no face has both")
    if left_out := set(dataset.info.aus).difference(*(task.aus for task in made)):
        units = ", ".join(f"AU{au}" for au in sorted(left_out))
        found.append(f"{units} not asked: coded in another way (presence, intensity) than the rest")
    return found


def counts(dataset: Dataset, threshold: float = AU_THRESHOLD) -> list[list[str]]:
    """What the label columns hold, as pairs of a word and a count. AUs: the share of coded faces that have them."""
    labels = dataset.labels()
    found = [["faces", f"{len(dataset):,}"]]
    if "subject" in labels and labels["subject"].notna().any():
        found.append(["people", f"{labels['subject'].nunique():,}"])
    if "expression" in labels:
        counted = Counter(labels["expression"].dropna())
        found.append(["expression", ", ".join(f"{word} {n:,}" for word, n in counted.most_common()) or "none"])
    affect = labels.reindex(columns=["valence", "arousal"]).notna()
    if affect.any(axis=None):
        found.append(["valence-arousal", f"{affect.all(axis=1).sum():,}"])
    present, graded = [], []
    for au in dataset.info.aus:
        column = labels.get(au_column(au, "presence"))
        intensity = labels.get(au_column(au, "intensity"))
        if column is not None and column.notna().any():
            present.append(f"AU{au} {column.mean():.0%}")
        elif intensity is not None and intensity.notna().any():
            graded.append(f"AU{au} {(intensity.dropna() >= threshold).mean():.0%}")
    if present:
        found.append(["action units", ", ".join(present)])
    if graded:
        found.append([f"action units at intensity {threshold:g} or more", ", ".join(graded)])
    return found
