"""annotations.jsonl: what is written is read back, and what strangers wrote wrongly is refused with its line."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feab.data.annotations import (
    MAX_LINE,
    ActionUnitsLevel,
    AnnotationLine,
    ExpressionLevel,
    ValenceArousalLevel,
    read_annotations,
    write_annotations,
)
from feab.errors import FeabError
from feab.schemas import VaValue
from feab.vocabulary import EXPRESSIONS, FEAB_17

FRACTION = st.floats(0, 1)
UNCERTAIN = st.none() | st.floats(-1, 1)


@st.composite
def lines(draw: st.DrawFn) -> AnnotationLine:
    def more(source: str) -> dict[str, Any]:
        return {
            "source": source,
            "confidence": None if source == "human" else draw(FRACTION),
            "total_uncertainty": draw(UNCERTAIN),
            "epistemic_uncertainty": draw(UNCERTAIN),
            "samples": draw(st.integers(0, 20)),
            "verification": draw(st.dictionaries(st.sampled_from(["valence", "12", "fear"]), st.just("confirm"))),
        }

    source = st.sampled_from(["human", "generated", "rejected"])
    axis = st.floats(-1, 1)
    units = draw(st.lists(st.sampled_from(FEAB_17), unique=True).map(sorted))
    details = {str(au): draw(FRACTION) for au in FEAB_17}
    return AnnotationLine(
        sample=draw(st.text("abcÄ 0/._", min_size=1, max_size=20)),
        expression=ExpressionLevel(value=draw(st.sampled_from(EXPRESSIONS)), **more(draw(source))),
        valence_arousal=draw(
            st.none()
            | st.builds(
                lambda v, a, s: ValenceArousalLevel(value=VaValue(valence=v, arousal=a), **more(s)), axis, axis, source
            )
        ),
        action_units=ActionUnitsLevel(value=units, details=details, **more(draw(source))),
    )


@given(st.lists(lines(), max_size=4, unique_by=lambda line: line.sample))
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, given: list[AnnotationLine]) -> None:
    path = tmp_path_factory.mktemp("a") / "annotations.jsonl"
    assert write_annotations(path, given) == len(given)
    assert list(read_annotations(path)) == given


def good(**other: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "sample": "f1",
        "expression": {"value": "fear", "source": "human"},
        "valence_arousal": {
            "value": {"valence": -0.5, "arousal": 0.5}, "source": "generated", "confidence": 0.9, "samples": 4,
            "total_uncertainty": 0.1, "epistemic_uncertainty": -0.01, "verification": {"valence": "too low"},
        },
        "action_units": {"value": [1, 2], "source": "rejected", "confidence": 0.4, "details": {"1": 0.6, "2": 0.7}},
    } | other  # fmt: skip


def read(tmp_path: Path, *documents: Any) -> list[AnnotationLine]:
    path = tmp_path / "annotations.jsonl"
    path.write_text("".join(d if isinstance(d, str) else json.dumps(d) + "\n" for d in documents), encoding="utf-8")
    return list(read_annotations(path))


def test_the_form_of_the_contract_is_read(tmp_path: Path) -> None:
    (line,) = read(tmp_path, good())
    assert line.sample == "f1"
    assert line.level("valence_arousal") is line.valence_arousal
    assert line.valence_arousal is not None
    assert line.valence_arousal.verification == {"valence": "too low"}
    assert line.action_units is not None
    assert line.action_units.value == [1, 2]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (good(sample=""), "sample"),
        (good(sample="<b>"), "sample"),
        (good(schema=2), "upgrade feab"),
        (good(unknown=1), "unknown"),
        (good(expression={"value": "fear", "source": "guessed"}), "source"),
        (good(expression={"value": "fear", "source": "human", "confidence": 1.0}), "no confidence"),
        (good(expression={"value": None, "source": "human"}), "needs a value"),
        (good(expression={"value": "fear", "source": "generated"}), "needs its confidence"),
        (good(expression={"value": "joyish", "source": "generated", "confidence": 0.9}), "must be one of"),
        (good(expression={"value": "fear", "source": "rejected", "confidence": 1.5}), "less than or equal to 1"),
        (good(expression={"value": "fear", "source": "human", "samples": "4"}), "samples"),
        (good(valence_arousal={"value": {"valence": 1.5, "arousal": 0}, "source": "human"}), "valence"),
        (good(action_units={"value": [2, 1], "source": "human"}), "rising order"),
        (good(action_units={"value": [1, 1], "source": "human"}), "rising order"),
        (good(action_units={"value": [0], "source": "human"}), "greater than or equal to 1"),
        (good(action_units={"value": list(range(1, 80)), "source": "human"}), "at most 60"),
        (good(action_units={"value": [], "source": "human", "details": {"x": 0.1}}), "details"),
        ('{"schema": 1, "sample": "a", "sample": "b"}\n', "occurs twice"),
        ('{"schema": 1, "sample": "a", "expression": {"value": "fear", "source": "rejected", "confidence": NaN}}\n',
         "finite"),
        ('{"schema": 1, "sample": "half', "EOF"),
        ("[" * 100_000 + "\n", "annotations.jsonl"),
        ('{"sample": "' + "x" * MAX_LINE + '"}\n', "longer than"),
        ("\n", "EOF"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_line(tmp_path: Path, document: Any, says: str) -> None:
    with pytest.raises(FeabError, match=says) as refused:
        read(tmp_path, good(sample="before"), document)
    assert "annotations.jsonl" in str(refused.value)
    assert "2" in str(refused.value)


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_annotations_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "annotations.jsonl"
    path.write_bytes(json.dumps(good()).encode() + b"\n" + data)
    with contextlib.suppress(FeabError):
        assert all(isinstance(line, AnnotationLine) for line in read_annotations(path))


def test_a_sample_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FeabError, match=r"line 3: sample 'f1' occurs a second time"):
        read(tmp_path, good(), good(sample="f2"), good())


def test_a_link_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FeabError, match="cannot read"):
        list(read_annotations(tmp_path / "none.jsonl"))
    (tmp_path / "real").write_text(json.dumps(good()) + "\n")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(FeabError, match="link"):
        list(read_annotations(tmp_path / "link"))


def test_a_writer_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "annotations.jsonl"
    write_annotations(path, [AnnotationLine(sample="a")])

    def broken() -> Any:
        yield AnnotationLine(sample="b")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        write_annotations(path, broken())
    assert [line.sample for line in read_annotations(path)] == ["a"]
    assert list(tmp_path.iterdir()) == [path]
