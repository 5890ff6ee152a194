"""Checking scores.json: it must say what scoring the same answers again says."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from feab.errors import FeabError
from feab.problems import Gather
from feab.runs.files import fields_of, read_model
from feab.runs.folder import SCORES, Run
from feab.runs.parts import Part
from feab.runs.scoring import score_parts
from feab.runs.validate_manifest import check_words
from feab.schemas import Scores

TOLERANCE = 1e-9
"""Difference at which two scores are no longer the same; other machines may differ in the last bits."""

_NOTHING = "nothing"
_MOST = 20
"""Differences that are told one by one."""


def check_scores(run: Run, parts: Sequence[Part] | None, notes: Gather) -> None:
    """Note where scores.json is not what the predictions score; `parts` is None where they cannot be scored here."""
    path = run.path / SCORES
    told = notes.attempt(read_model, None, path, Scores)
    if told is None:
        return
    at = fields_of(path, notes)
    there = told.model_dump(mode="json", by_alias=True)
    check_words(there, at)
    if parts is None:
        return
    try:
        again = score_parts(run, parts, write=False).model_dump(mode="json", by_alias=True)
    except FeabError as error:
        at.note([], f"the predictions cannot be scored again: {error}")
        return
    found = list(differences(there, again, ()))
    for place, was, is_now in found[:_MOST]:
        at.note(place, f"says {was}, and the predictions score {is_now}", "run `feab score` on the folder")
    if len(found) > _MOST:
        at.note([], f"differs in {len(found) - _MOST:,} more places", "run `feab score` on the folder")


def differences(was: Any, is_now: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Where two documents differ, down to the smallest parts that do."""
    if isinstance(was, Mapping) and isinstance(is_now, Mapping):
        for key in dict.fromkeys([*was, *is_now]):
            if key not in was or key not in is_now:
                yield (
                    (*place, key),
                    "something" if key in was else "nothing",
                    "something" if key in is_now else "nothing",
                )
            else:
                yield from differences(was[key], is_now[key], (*place, key))
    elif isinstance(was, list) and isinstance(is_now, list) and len(was) == len(is_now):
        for number, (old, new) in enumerate(zip(was, is_now, strict=True)):
            yield from differences(old, new, (*place, str(number)))
    elif not _same(was, is_now):
        yield place, _short(was), _short(is_now)


def _same(was: Any, is_now: Any) -> bool:
    numbers = (int, float)
    if isinstance(was, numbers) and isinstance(is_now, numbers) and not isinstance(was, bool):
        return math.isclose(was, is_now, rel_tol=0, abs_tol=TOLERANCE)
    return bool(was == is_now)


def _short(value: Any) -> str:
    return str(value)[:60]
