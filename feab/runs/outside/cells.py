"""Predictions as rows of a CSV table: how `feab export` writes them and `feab import` reads them back exactly.

Spreadsheets run a cell that begins with = + - or @ as a formula, and these texts are a model's. Such cells get a
single quote in front, which spreadsheets take for "this is text" and reading takes away again.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import IO, Any

from feab.jsonfile import load_json
from feab.records import Outcome
from feab.schemas import Prediction, VaValue

HEADER: tuple[str, ...] = ("task", "sample", "prompt", "draw", "outcome", "text")
"""The columns that every table of ours begins with; by them it is known again."""

ANSWERS: tuple[str, ...] = ("expression", "valence", "arousal")
REST: tuple[str, ...] = (
    "error_kind", "error_message", "probabilities", "input_tokens", "output_tokens", "latency_s",
)  # fmt: skip
_TEXTS = frozenset({"task", "sample", "prompt", "text", "expression", "error_kind", "error_message"})
_AU = re.compile(r"au(-?\d+)")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")


def guarded(text: str | None) -> str:
    """A text as a cell that no spreadsheet runs: None is an empty cell, an empty text a single quote.

    A text with a NUL character, which CSV readers stumble over, becomes a JSON string behind a quote and a backslash.
    """
    if text is None:
        return ""
    if "\0" in text:
        return "'\\" + json.dumps(text)
    return "'" + text if text == "" or text.startswith(_FORMULA) else text


def unguarded(cell: str, where: str) -> str | None:
    """The text that `guarded` made a cell of.

    Raises:
        FeabError: when the cell is none of ours.
    """
    if cell.startswith("'\\"):
        return str(load_json(cell[2:], where))
    return None if cell == "" else cell.removeprefix("'")


def table_writer(file: IO[str]) -> Callable[[Iterable[str]], Any]:
    """A function that writes a row. Lines end as RFC 4180 says, and so Python quotes a lone carriage return too."""
    return csv.writer(file, lineterminator="\r\n").writerow


def header(aus: Sequence[int]) -> list[str]:
    """The columns of a table whose answers name these AUs."""
    return [*HEADER, *ANSWERS, *(f"au{au:02d}" for au in aus), *REST]


def cells_of(prediction: Prediction, aus: Sequence[int]) -> list[str]:
    """One row; a number is written so that reading gives the same one."""
    answer, error, usage = prediction.answer, prediction.error, prediction.usage
    point = (repr(answer.valence), repr(answer.arousal)) if isinstance(answer, VaValue) else ("", "")
    named = frozenset(answer) if isinstance(answer, list) else None
    return [
        guarded(prediction.task),
        guarded(prediction.sample),
        guarded(prediction.prompt),
        str(prediction.draw),
        prediction.outcome.value,
        guarded(prediction.text),
        guarded(answer if isinstance(answer, str) else None),
        *point,
        *("" if named is None else str(int(au in named)) for au in aus),
        guarded(error.kind if error else None),
        guarded(error.message if error else None),
        "" if prediction.probabilities is None else json.dumps(prediction.probabilities),
        *("" if number is None else repr(number) for number in (usage.input_tokens, usage.output_tokens)),
        "" if prediction.latency_s is None else repr(prediction.latency_s),
    ]


def fields_of(row: Mapping[str, str], where: str) -> dict[str, Any]:
    """The fields of the prediction that a row holds, still to be validated.

    Raises:
        FeabError: when a guarded text or the probabilities cannot be read.
    """
    cell: dict[str, Any] = {name: unguarded(row[name], where) if name in _TEXTS else row[name] or None for name in row}
    answer: Any = None
    if row["outcome"] == Outcome.OK.value:
        if cell.get("expression") is not None:
            answer = cell["expression"]
        elif cell.get("valence") is not None:
            answer = {"valence": cell["valence"], "arousal": cell.get("arousal")}
        else:
            answer = [int(match[1]) for name in row if row[name] == "1" and (match := _AU.fullmatch(name))]
    failed = row["outcome"] == Outcome.ERROR.value
    probabilities = cell.get("probabilities")
    return {
        **{name: cell[name] for name in HEADER},
        "answer": answer,
        "error": {"kind": cell.get("error_kind"), "message": cell.get("error_message")} if failed else None,
        "probabilities": None if probabilities is None else load_json(probabilities, where),
        "usage": {name: cell.get(name) for name in ("input_tokens", "output_tokens")},
        "latency_s": cell.get("latency_s"),
    }
