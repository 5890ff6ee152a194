"""MAFW: clips from films, series and shows; eleven expressions, alone or several at once, and five folds of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from feab.data.readers.faces import Faces, write
from feab.data.readers.record import Reader, Row, Skip
from feab.data.readers.sheet import as_sheet
from feab.data.readers.tree import Tree
from feab.data.readers.votefile import clip_key, votes_beside

SINGLE = (
    "anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise", "contempt", "anxiety", "helplessness",
    "disappointment",
)  # fmt: skip
"""In the order of their codes, 1 to 11."""
SEVERAL = (
    "anger_disgust", "anger_sadness", "anger_surprise", "anger_anxiety", "anger_helplessness", "disgust_sadness",
    "disgust_surprise", "disgust_contempt", "disgust_anxiety", "disgust_helplessness", "disgust_disappointment",
    "fear_sadness", "fear_surprise", "fear_anxiety", "happiness_surprise", "happiness_contempt", "sadness_surprise",
    "sadness_anxiety", "sadness_helplessness", "sadness_disappointment", "surprise_anxiety", "anxiety_helplessness",
    "helplessness_disappointment", "anger_disgust_contempt", "anger_disgust_anxiety", "disgust_anxiety_helplessness",
    "disgust_helplessness_disappointment", "fear_sadness_anxiety", "fear_surprise_anxiety",
    "sadness_anxiety_helplessness", "sadness_helplessness_disappointment", "anxiety_helplessness_disappointment",
)  # fmt: skip
"""The 32 compounds, in the words of its lists; first those of two expressions, by their codes (our choice)."""
FOLDS = range(1, 6)
_RATERS = 11
_LISTS = "Train & Test Set"
_VOTES = ("Labels/annotation.xlsx", "Labels/annotation.csv")
_CLIPS = ("data/clips", "clips")
_SHOWN: Mapping[str, str] = MappingProxyType(
    {"anxiety": "fear", "helplessness": "sadness", "disappointment": "sadness"}
)
"""Expression -> the one of the rendered face that stands for it in a miniature, where that is another."""


def read(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The clips of the five test lists of single expressions, with their votes where these are told."""
    rows = list(_rows(tree, "single", SINGLE, skip))
    places = {clip_key(row.id): SINGLE.index(row.labels["expression"]) for row in rows}
    votes = votes_beside(tree, _VOTES, "clip", SINGLE, _RATERS, places, skip)
    for row in rows:
        yield replace(row, labels={**row.labels, "votes": votes.get(clip_key(row.id))})


def read_compound(tree: Tree, split: str, skip: Skip) -> Iterator[Row]:
    """The clips of the five test lists of compound expressions, single ones among them."""
    yield from _rows(tree, "compound", (*SINGLE, *SEVERAL), skip)


def _rows(tree: Tree, kind: str, labels: Sequence[str], skip: Skip) -> Iterator[Row]:
    folder = tree.first(*_CLIPS)
    for fold in FOLDS:
        file = _list(kind, fold)
        if not tree.has(file):
            skip(file, None, "missing file", f"the clips that fold {fold} is tested on are not known")
            continue
        for number, line in tree.lines(file):
            words = line.split()
            if len(words) != 2 or not words[0].lower().endswith(".mp4"):
                skip(file, number, "bad row", f"{line.strip()!r:.100} is no clip with a label")
            elif words[1] not in labels:
                skip(file, number, "unknown code", f"{words[1]!r:.80} is none of the {len(labels)} labels")
            else:
                name = words[0].rpartition(".")[0]
                yield Row(name, None, file, number, {"expression": words[1], "fold": fold}, clip=f"{folder}/{words[0]}")


def _list(kind: str, fold: int) -> str:
    return f"{_LISTS}/{kind}/no_caption/set_{fold}/test.txt"


def mimic(root: Path, faces: Faces, n: int) -> None:
    """Clips, the five test lists, and the sheet of votes."""
    shown = _mimic(root, faces, n, "single", SINGLE)
    rows: list[list[str | float | None]] = [["clip", "invalid", *SINGLE]]
    for name, label in shown:
        other = SINGLE[(SINGLE.index(label) + 1) % len(SINGLE)]
        rows.append([name, 0, *(8 if word == label else 3 if word == other else 0 for word in SINGLE)])
    write(root, _VOTES[0], as_sheet(rows))


def mimic_compound(root: Path, faces: Faces, n: int) -> None:
    """Clips, and the five test lists; a compound expression is shown by the first of its parts."""
    labels = (*SINGLE, *SEVERAL)
    _mimic(root, faces, max(n, len(labels)), "compound", labels)


def _mimic(root: Path, faces: Faces, n: int, kind: str, labels: Sequence[str]) -> list[tuple[str, str]]:
    """Write the clips and lists; returns the clips' names with their labels."""
    found: list[tuple[str, str]] = []
    lines: dict[int, list[str]] = {fold: [] for fold in FOLDS}
    for number in range(n):
        label, name = labels[number % len(labels)], f"{25 + number:05d}.mp4"
        part = label.partition("_")[0]
        face = faces.moving.of(_SHOWN.get(part, part), number // len(labels))
        write(root, f"{_CLIPS[0]}/{name}", faces.moving.video(face))
        lines[1 + number % len(FOLDS)].append(f"{name} {label}")
        found.append((name, label))
    for fold, rows in lines.items():
        write(root, _list(kind, fold), "\n".join(rows) + "\n")
    return found


_LICENCE = "MAFW terms: non-commercial research, by agreement with a university; no redistribution"
_SOURCE = (
    "Liu, Dai, Feng, Wang, Yin, Zeng & Shan 2022, MAFW: a large-scale, multi-modal, compound affective database for "
    "dynamic facial expression recognition in the wild, ACM Multimedia"
)
_EXTRA = MappingProxyType({"fold": "integer"})
_GENDER = "The guessed genders of its Labels(auto) are left out: what their codes 0 and 1 mean is not told."

READERS = (
    Reader(
        name="mafw",
        title="MAFW (single expressions)",
        version="1",
        splits=MappingProxyType({"test": (f"{_LISTS}/single/no_caption",)}),
        roots=("", "MAFW"),
        layout="""
Train & Test Set/single/no_caption/set_1/test.txt ... set_5/   a line a clip: 00025.mp4 anger
data/clips/00025.mp4                                           or clips/00025.mp4
Labels/annotation.xlsx                                         (where there) eleven people's votes: clip,...,anger,...
""",
        licence=_LICENCE,
        source=_SOURCE,
        read=read,
        mimic=mimic,
        labels=SINGLE,
        extra=_EXTRA,
        clips=("clip",),
        notes=f"`fold` is the one of the five folds that is tested on a clip. {_GENDER}",
    ),
    Reader(
        name="mafw_compound",
        title="MAFW (compound expressions)",
        version="1",
        splits=MappingProxyType({"test": (f"{_LISTS}/compound/no_caption",)}),
        roots=("", "MAFW"),
        layout="""
Train & Test Set/compound/no_caption/set_1/test.txt ... set_5/   a line a clip: 00025.mp4 anger_disgust
data/clips/00025.mp4                                             or clips/00025.mp4
""",
        licence=_LICENCE,
        source=_SOURCE,
        read=read_compound,
        mimic=mimic_compound,
        labels=(*SINGLE, *SEVERAL),
        extra=_EXTRA,
        clips=("clip",),
        notes=f"Eleven expressions and 32 of several at once, in the words of its lists. `fold` as in mafw. {_GENDER}",
    ),
)
