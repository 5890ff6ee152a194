"""The formats that can be imported, how a file's format is told, and their readers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

from feab.errors import FeabError
from feab.runs.outside.lm_eval_log import read_samples, sample_files, task_of
from feab.runs.outside.source import Source, check_file
from feab.runs.outside.tables import Said, read_csv, read_json, read_jsonl

Format = Literal["csv", "jsonl", "json", "lm-eval"]
FORMATS: tuple[Format, ...] = get_args(Format)

_ENDINGS: Mapping[str, Format] = {
    ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json",
}  # fmt: skip


def format_of(path: Path) -> Format:
    """The format that a file's name tells; a folder, and a `samples_*.jsonl`, are lm-eval's.

    Raises:
        FeabError: when there is no such file, or its name tells none.
    """
    if not path.exists():
        raise FeabError(f"{path}: no such file or folder")
    if path.is_dir() or task_of(path) is not None:
        return "lm-eval"
    found = _ENDINGS.get(path.suffix.lower())
    if found is None:
        check_file(path)
        raise FeabError(f"{path}: its name does not tell the format; say --format {'|'.join(FORMATS)}")
    return found


def files_of(path: Path, kind: Format) -> list[Path]:
    """The files to read: the one named, or the logs in a folder of lm-eval's.

    Raises:
        FeabError: for an unknown format, or a folder without logs.
    """
    if kind not in FORMATS:
        raise FeabError(f"format {kind!r}: there are {', '.join(FORMATS)}")
    return sample_files(path) if kind == "lm-eval" and path.is_dir() else [path]


def read(
    files: Sequence[Path], kind: Format, source: Source, columns: Mapping[str, str], tasks: Sequence[str]
) -> Iterator[Said]:
    """The rows of the files, one in memory at a time.

    Raises:
        FeabError: naming file and line of what cannot be read.
    """
    if kind == "lm-eval":
        return read_samples(files, source, columns, tasks)
    reader = {"csv": read_csv, "jsonl": read_jsonl, "json": read_json}[kind]
    return reader(files[0], source, columns)
