"""Does a text say what the annotation says? Read with feab's own parser, the one that benchmarks use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from feab.answers import parse
from feab.data.feid import FeidLabels, open_feid, read_feid_info
from feab.generation.phrases import rounded
from feab.problems import Notes, Problem
from feab.records import AnswerValue, FinishReason
from feab.vocabulary import EXPRESSIONS, FEAB_17, Kind

NEAR = 0.006
"""Valence and arousal agree to within rounding to two decimals."""


def contradiction(
    answers: Sequence[str], labels: FeidLabels, levels: Sequence[Kind], *, reason: FinishReason = "stop"
) -> str | None:
    """Why answers do not say what they are to say; None when each level is read from one and no other denies it.

    Args:
        answers: of one conversation, or one.
        labels: what holds.
        levels: those that the answers are to state in full.
        reason: why the last of them ended.
    """
    for level in levels:
        wanted = _wanted(labels, level)
        found = [value for text in answers if (value := read(text, level, reason=reason)) is not None]
        if not found:
            return f"{level} cannot be read from it"
        wrong = next((value for value in found if not _same(value, wanted)), None)
        if wrong is not None:
            return f"{level} reads as {_shown(wrong)}, not {_shown(wanted)}"
    return None


def check_answers(folder: Path, notes: Notes) -> None:
    """Note records of a FEID folder whose answers do not say what their labels say; the folder must be in order else.

    For `feab validate`: training would learn the contradiction.
    """
    for split in read_feid_info(folder).splits:
        for number, record in enumerate(open_feid(folder, split)):
            why = contradiction(record.answers, record.labels, record.levels)
            if why is not None:
                where = f"split {split}, record {number} (id {record.id[:100]!r})"
                words = f"an answer contradicts the row's labels: {why}"
                notes.note(Problem(folder, words, where=where, advice="correct one of the two, or leave the row out"))


def read(text: str, level: Kind, *, reason: FinishReason = "stop") -> AnswerValue | None:
    """What a text says of a level; None where nothing can be read."""
    return parse(text, level, EXPRESSIONS if level == "expression" else None, finish_reason=reason, aus=FEAB_17).value


def _wanted(labels: FeidLabels, level: Kind) -> AnswerValue | None:
    if level == "valence_arousal" and labels.valence_arousal is not None:
        return (rounded(labels.valence_arousal[0]), rounded(labels.valence_arousal[1]))
    return labels.expression if level == "expression" else labels.action_units


def _same(value: AnswerValue, wanted: AnswerValue | None) -> bool:
    if isinstance(value, tuple) and isinstance(wanted, tuple):
        return all(abs(a - b) <= NEAR for a, b in zip(value, wanted, strict=True))
    return value == wanted


def _shown(value: AnswerValue | None) -> str:
    return ", ".join(f"AU{au}" for au in sorted(value)) or "none" if isinstance(value, frozenset) else str(value)
