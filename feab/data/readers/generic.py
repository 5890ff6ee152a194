"""Data of one's own, prepared: class folders, a table (CSV, JSON Lines), or what Hugging Face's `datasets` wrote."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from feab.data.columns import au_of, is_extra
from feab.data.names import safe_name
from feab.data.places import DYNAMIC, EMBEDDED, EMBEDDED_SUBSETS
from feab.data.readers.classtree import are_clips, class_digest, class_labels, class_rows, class_splits
from feab.data.readers.genericmimic import LAYOUT, mimic
from feab.data.readers.hub import fetched, is_hub_id
from feab.data.readers.prepare import Images, Prepared, Progress, prepare
from feab.data.readers.record import Reader
from feab.data.readers.table import GENERIC, write_miniature
from feab.data.readers.table import names as known_names
from feab.data.readers.tablesplits import FORMS, digest, read_splits, split_files
from feab.data.readers.tree import Tree
from feab.errors import FeabError
from feab.vocabulary import LABELS

_VERSION = "2"
_LICENCE = "not stated"
"""Nobody has said what may be done with the faces, so they may neither be shared nor sent to others unasked."""
_ANYTHING = ("*",)
"""What a folder of pictures must hold for a split of a table to be there; the table itself was found before."""


def prepare_generic(
    source: str | os.PathLike[str],
    to: str | os.PathLike[str] | None = None,
    *,
    name: str | None = None,
    columns: Mapping[str, str] | None = None,
    pictures: str | os.PathLike[str] | None = None,
    images: Images = "paths",
    strict: bool = False,
    again: bool = False,
    limit: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    on_progress: Progress | None = None,
) -> Prepared:
    """Read data of one's own into a dataset folder of feab's, as `prepare` reads datasets that it knows.

    Expressions are read by their names, through the vocabulary's aliases ("Happy" is happiness), never by numbers.
    Rows that cannot be used are passed over, counted and named.

    Args:
        source: class folders of pictures or videos (or folders train, validation and test of them); a CSV or JSON
            Lines file, or a folder of one for each split; Parquet or Arrow files of Hugging Face's `datasets`, or
            their folder; or the id of a dataset on the hub, OWNER/NAME or OWNER/NAME@REVISION, which is downloaded.
        to: the dataset folder to make; by default `<FEAB_DATA>/<name>`.
        name: what the dataset is called; by default after the source.
        columns: columns of feab's -> names in the table, where those differ, as {"expression": "label"}.
        pictures: the folder from which paths in a table start; by default the table's own.
        images: as `prepare` takes it, and so are the rest. Pictures that a table holds are stored in any case.
        strict: stop at the first row that cannot be used.
        again: write splits anew that are there.
        limit: at most so many rows of each split, a seeded spread.
        seed: of that spread.
        workers: threads that open pictures.
        on_progress: called every few hundred rows.

    Raises:
        FeabError: when nothing of the kind is there, a column is missing, or, with `strict`, for the first row that
            cannot be used.
    """
    reader, root = read_generic(source, name=name, columns=columns, pictures=pictures, on_progress=on_progress)
    return prepare(
        reader,
        root,
        to,
        images=images,
        strict=strict,
        again=again,
        limit=limit,
        seed=seed,
        workers=workers,
        on_progress=on_progress,
    )


def read_generic(
    source: str | os.PathLike[str],
    *,
    name: str | None = None,
    columns: Mapping[str, str] | None = None,
    pictures: str | os.PathLike[str] | None = None,
    on_progress: Progress | None = None,
) -> tuple[Reader, Path]:
    """A reader made for data of one's own, and the folder in which its pictures lie; arguments as `prepare_generic`.

    Labels of tables are read here, those of class folders when they are prepared. The reader's version says which
    table or folders it was made for, so that what was prepared from them before they changed is not taken for them.

    Raises:
        FeabError: as `prepare_generic`.
    """
    text = os.fspath(source)
    path = Path(text).expanduser()
    if not path.exists():
        if not is_hub_id(text):
            raise FeabError(f"{path}: no such file or folder, and no id of a Hugging Face dataset (OWNER/NAME)")
        path, default = fetched(text), text.partition("@")[0].partition("/")[2]
    else:
        default = path.stem if path.is_file() else path.resolve().name
    if (path / "dataset.json").is_file():
        raise FeabError(f"{path}: is a dataset folder already; ask about it with --data {path}")
    called = _called(name, default)
    told = dict(columns or {})
    tables = _tables(path)
    if tables:
        return _of_tables(called, path, tables, told, pictures, on_progress)
    splits = class_splits(path) if path.is_dir() else {}
    if not splits:
        looked = "\n".join(f"  {line}" for line in LAYOUT.strip().splitlines())
        raise FeabError(f"{path}: holds nothing that feab reads, which is one of\n{looked}")
    if told or pictures is not None:
        raise FeabError(f"{path}: --column and --pictures go with a table; here folders are the labels")
    return _of_folders(called, path, splits), path


def mimic_generic(out: Path, n: int = 24) -> None:
    """Write a folder of each form that data of one's own may have, with rendered faces.

    Args:
        out: the folder to make; it must not hold anything yet.
        n: pictures of each form.

    Raises:
        FeabError: for a folder that holds something.
    """
    write_miniature(mimic, out, n)


def _called(name: str | None, default: str) -> str:
    """The dataset's name. None that feab knows: tasks would take it for that dataset."""
    called = safe_name(default) if name is None else name
    if called != safe_name(called):
        raise FeabError(f"name {name!r:.80}: use letters, digits, _ . and -, at most 60")
    if called.casefold() in (*known_names(), EMBEDDED, *EMBEDDED_SUBSETS, DYNAMIC, GENERIC):
        raise FeabError(f"{called!r} is what tasks know another dataset by; say how this one is called: --as NAME")
    return called


def _tables(path: Path) -> dict[str, tuple[Path, ...]]:
    """Split -> tables; empty where class folders are meant, as by a folder of them with no or several tables in it."""
    if path.is_file():
        if path.suffix.lower() not in FORMS:
            raise FeabError(f"{path}: its name does not end in {', '.join(FORMS)}")
    elif class_splits(path) and len(Tree(path.resolve()).files("", tuple(FORMS))) != 1:
        return {}
    return split_files(path)


def _of_tables(
    called: str,
    path: Path,
    files: Mapping[str, tuple[Path, ...]],
    told: Mapping[str, str],
    pictures: str | os.PathLike[str] | None,
    on_progress: Progress | None,
) -> tuple[Reader, Path]:
    root = path.parent if path.is_file() else path
    held = root if pictures is None else Path(pictures).expanduser()
    if not held.is_dir():
        raise FeabError(f"--pictures {held}: no such folder")
    parts = read_splits(files, told, held, root, on_progress)
    columns = {name for part in parts.values() for name in part.found.labels.column_names if name != "id"}
    there = {label for part in parts.values() for label in part.found.voted or part.expressions}
    mapped = "".join(f", {column}={name}" for column, name in sorted(told.items()))
    return Reader(
        name=called,
        title=called,
        version=f"{GENERIC} {_VERSION}: {safe_name(path.name)} {digest(files)}{mapped}",
        splits=dict.fromkeys(files, _ANYTHING),
        layout=LAYOUT,
        licence=_LICENCE,
        source=FORMS[next(iter(files.values()))[0].suffix.lower()],
        read=lambda tree, split, skip: parts[split].rows(skip),
        mimic=mimic,
        labels=tuple(label for label in LABELS if label in there),
        aus=tuple(sorted({au for name in columns if (au := au_of(name)) is not None})),
        extra={name: "text" for name in columns if is_extra(name)},
        notes=" ".join(dict.fromkeys(f"{note}." for part in parts.values() for note in part.found.notes)),
    ), held


def _of_folders(called: str, path: Path, splits: Mapping[str, str]) -> Reader:
    tree = Tree(path.resolve())
    clips = are_clips(tree, splits)
    return Reader(
        name=called,
        title=called,
        version=f"{GENERIC} {_VERSION}: {safe_name(tree.root.name)} {class_digest(tree, splits, clips=clips)}",
        splits={split: (above or "*",) for split, above in splits.items()},
        layout=LAYOUT,
        licence=_LICENCE,
        source="class folders of videos" if clips else "class folders",
        read=lambda tree, split, skip: class_rows(tree, splits[split], skip, clips=clips),
        mimic=mimic,
        labels=class_labels(path, splits),
        clips=("clip",) if clips else (),
    )
