"""The table of cases: what must be read, and what must not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from feab.answers import parse
from feab.records import Outcome

_FOLDER = Path(__file__).parent / "cases"


def _cases() -> list[Any]:
    rows = []
    for path in sorted(_FOLDER.glob("*.yaml")):
        kind = path.stem.removesuffix("_fresh")
        for number, case in enumerate(yaml.safe_load(path.read_text(encoding="utf-8"))):
            unknown = case.keys() - {"text", "value", "outcome", "labels", "aus", "finish", "ignored"}
            assert not unknown, case
            assert ("value" in case) != ("outcome" in case), case
            rows.append(pytest.param(kind, case, id=f"{path.stem}-{number}"))
    return rows


@pytest.mark.parametrize(("kind", "case"), _cases())
def test_case(kind: str, case: dict[str, Any]) -> None:
    answer = parse(
        case["text"], kind, case.get("labels"), finish_reason=case.get("finish", "stop"), aus=case.get("aus")
    )
    value = case.get("value")
    if kind == "action_units" and value is not None:
        value = frozenset(value)
    elif kind == "valence_arousal" and value is not None:
        value = tuple(value)
    assert (answer.value, str(answer.outcome)) == (value, case.get("outcome", "ok"))
    assert answer.ignored == frozenset(case.get("ignored", ()))
    if answer.outcome is Outcome.OK:
        assert answer.span is not None
        start, end = answer.span
        assert 0 <= start < end <= len(case["text"])
    else:
        assert answer.span is None


def test_table_is_large_and_covers_every_outcome() -> None:
    cases = [parameters.values for parameters in _cases()]
    assert len(cases) >= 300
    for kind in ("expression", "valence_arousal", "action_units"):
        outcomes = {case.get("outcome", "ok") for k, case in cases if k == kind}
        assert outcomes == {"ok", "unparsable", "refused", "truncated"}
