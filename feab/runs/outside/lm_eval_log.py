"""What lm-evaluation-harness logs with --log_samples: a `samples_<task>_<time>.jsonl` a task, a line a document."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from feab.errors import FeabError
from feab.jsonfile import load_json
from feab.runs.outside.rows import FIELDS, Row
from feab.runs.outside.source import Source
from feab.runs.outside.tables import Said, prediction_of

MAX_FILES = 2_000
OURS = "feab"
"""The key under which a line that `feab export` wrote holds what lm-eval's own keys cannot."""

_NAME = re.compile(r"samples_(?P<task>.+)_(?P<time>\d{4}-\d\d-\d\dT[\d.+-]+)\.jsonl")


def sample_files(folder: Path) -> list[Path]:
    """The logs in a folder and those below it; links are passed over.

    Raises:
        FeabError: when there is none, or a folder holds several logs of a task.
    """
    found: dict[tuple[Path, str], Path] = {}
    for file in sorted(folder.rglob("samples_*.jsonl")):
        if file.is_symlink() or not file.is_file() or not file.resolve().is_relative_to(folder.resolve()):
            continue
        key = (file.parent, task_of(file) or file.name)
        if key in found:
            raise FeabError(
                f"{file.parent}: holds several logs of task {key[1]} ({found[key].name}, {file.name}); name the file "
                "to import"
            )
        found[key] = file
        if len(found) > MAX_FILES:
            raise FeabError(f"{folder}: holds more than {MAX_FILES} logs")
    if not found:
        raise FeabError(f"{folder}: holds no samples_*.jsonl; run lm_eval with --log_samples and --output_path")
    return list(found.values())


def task_of(file: Path) -> str | None:
    """The task that a log's name tells."""
    match = _NAME.fullmatch(file.name)
    return match["task"] if match else None


def read_samples(
    files: Sequence[Path], source: Source, columns: Mapping[str, str], tasks: Sequence[str]
) -> Iterator[Said]:
    """The raw answers (`resps`) in some logs, with the id that each document gives its face.

    Where lm-eval logged a document once for each of several filters, the first filter's lines are read: the raw
    answers are the same. A log that is the only one belongs to the only task, whatever its name.

    Raises:
        FeabError: naming file and line, for what is no such log.
    """
    for file in files:
        named = task_of(file)
        task = None if named not in tasks and len(files) == len(tasks) == 1 else named
        chosen: Any = None
        for number, text in source.lines(file):
            where = f"{file}:{number}"
            line = load_json(text, where)
            if not isinstance(line, dict) or not isinstance(line.get("doc"), dict):
                raise FeabError(f"{where}: not a line of lm-eval's samples (it lacks `doc`)")
            chosen = line.get("filter") if number == 1 else chosen
            if line.get("filter") != chosen:
                continue
            answers = _answers(line.get("resps"), where)
            if isinstance(ours := line.get(OURS), dict):
                yield from _exact(ours, answers, where)
            else:
                yield from _rows(line["doc"], answers, task, columns, where)


def _answers(resps: Any, where: str) -> list[str]:
    """The answers to the one request about a document, several where it was repeated."""
    if isinstance(resps, list) and len(resps) == 1 and isinstance(resps[0], list):
        answers = resps[0]
        if answers and all(isinstance(answer, str) for answer in answers):
            return answers
    raise FeabError(f"{where}: `resps` must be [[text, ...]]; log-probabilities of multiple choice are not read")


def _rows(
    doc: Mapping[str, Any], answers: Sequence[str], task: str | None, columns: Mapping[str, str], where: str
) -> Iterator[Row]:
    keys = (columns["id"],) if "id" in columns else FIELDS["id"]
    name = next((doc[key] for key in keys if isinstance(doc.get(key), (str, int))), None)
    if name is None:
        raise FeabError(
            f"{where}: its document does not say which face it is about ({', '.join(map(str, list(doc)[:8]))}); "
            "--column id=KEY names the key"
        )
    said = {"id": name, "task": task, "question": doc.get("question")}
    for draw, text in enumerate(answers):
        yield Row(where, {**{k: v for k, v in said.items() if v is not None}, "text": text, "draw": draw}, {})


def _exact(ours: Mapping[str, Any], answers: Sequence[str], where: str) -> Iterator[Said]:
    """The predictions of one line that `feab export` wrote."""
    draws = ours.get("draws")
    if not isinstance(draws, list) or len(draws) != len(answers) or not all(isinstance(d, dict) for d in draws):
        raise FeabError(f"{where}: `{OURS}.draws` does not fit `resps`")
    key = {name: ours.get(name) for name in ("task", "sample", "prompt")}
    for draw, text in zip(draws, answers, strict=True):
        yield prediction_of(where, {"text": text, **draw, **key})
