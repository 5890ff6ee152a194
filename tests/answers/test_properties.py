"""What holds for every text: no exception, no value outside the question, and answers survive being written down."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feab.answers import parse
from feab.records import Outcome
from feab.vocabulary import EXPRESSIONS, FEAB_17, KINDS, Kind

_PIECES = st.sampled_from(
    [
        "happy",
        "sad",
        "neutral",
        "anger",
        "not",
        "no",
        "neither",
        "nor",
        "or",
        "and",
        "but",
        ",",
        ".",
        ":",
        ";",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "\n",
        '"',
        "'",
        "-",
        "–",
        "−",
        "0.4",
        "-0,3",
        "1",
        "2",
        "12",
        "25",
        "AU",
        "AU12",
        "action",
        "units",
        "valence",
        "arousal",
        "<answer>",
        "</answer>",
        "<think>",
        "</think>",
        "\\boxed{",
        "```",
        "json",
        "Final",
        "answer:",
        "is",
        "none",
        "present",
        "absent",
        "rather",
        "than",
        "%",
        "/",
        "I'm",
        "sorry",
        "can't",
        "lip",
        "corner",
        "puller",
        "\x00",
        "İ",
        "ﬁ",
        "½",
        "😊",
        "✗",
        "✓",
        "|",
        "**",
        "~",
        "happily",
        "surprised",
        "without",
        "except",
        "whether",
        "from",
        "to",
        "scale",
        "of",
    ]
)
_SOUP = st.lists(_PIECES, max_size=40).map(" ".join) | st.lists(_PIECES, max_size=25).map("".join)
_ANY = st.text(max_size=200) | _SOUP
_REASONS = st.sampled_from(["stop", "length", "content_filter", "refusal", "unknown", "", "anything"])
_PROSE = st.text(
    alphabet=st.characters(codec="utf-8", exclude_characters="<>[]{}\\|◁▷", exclude_categories=("Cs",)), max_size=120
) | st.sampled_from(["The person looks happy.", "Final answer: 0.9, 0.9", "AU1, AU4", "I'm sorry, I can't.", "not sad"])


@given(
    text=_ANY,
    kind=st.sampled_from(KINDS),
    reason=_REASONS,
    labels=st.none() | st.lists(st.text(max_size=8), max_size=5),
)
@example(text="\ud800happy", kind="expression", reason="stop", labels=None)
@example(text="[" * 5000, kind="action_units", reason="stop", labels=None)
@example(text='{"a":' * 5000, kind="valence_arousal", reason="stop", labels=None)
@example(text='{"valence": ' + "9" * 5000 + ', "arousal": 1e999}', kind="valence_arousal", reason="stop", labels=None)
@example(text='{"valence": 1' + "0" * 400 + ', "arousal": 0}', kind="valence_arousal", reason="stop", labels=None)
@settings(max_examples=600, deadline=None)
def test_any_text_gives_a_lawful_answer(text: str, kind: Kind, reason: str, labels: list[str] | None) -> None:
    answer = parse(text, kind, labels, finish_reason=reason)
    assert answer.outcome is not Outcome.ERROR
    assert (answer.value is not None) == (answer.outcome is Outcome.OK) == (answer.span is not None)
    if answer.span is not None:
        assert 0 <= answer.span[0] < answer.span[1] <= len(text)
    value: Any = answer.value
    if value is None:
        assert not answer.ignored
    elif kind == "expression":
        assert value in (EXPRESSIONS if labels is None else labels)
    elif kind == "valence_arousal":
        assert len(value) == 2
        assert all(isinstance(v, float) and -1 <= v <= 1 for v in value)
    else:
        assert not answer.ignored & value


@given(text=_SOUP, aus=st.sets(st.sampled_from(FEAB_17)))
@settings(max_examples=300, deadline=None)
def test_units_lie_within_the_list(text: str, aus: set[int]) -> None:
    answer = parse(text, "action_units", aus=sorted(aus))
    assert answer.value is None or (isinstance(answer.value, frozenset) and answer.value <= aus)
    assert not answer.ignored & aus


@given(before=_PROSE, after=_PROSE, kind=st.sampled_from(KINDS), data=st.data())
@settings(max_examples=300, deadline=None)
def test_prose_around_a_tag_changes_nothing(before: str, after: str, kind: Kind, data: st.DataObject) -> None:
    inner = data.draw(
        st.sampled_from(
            [
                "sadness",
                "unhappiness",
                "happy or sad",
                "0.3, -0.2",
                "valence: 2, arousal: 0",
                "6, 12",
                "none",
                "not AU4",
            ]
        )
    )
    alone = parse(f"<answer>{inner}</answer>", kind)
    around = parse(f"{before}\n<answer>{inner}</answer> {after}", kind)
    assert around.value == alone.value
    assert around.ignored == alone.ignored


_DRESSES = (
    "{}",
    " {}\n",
    "{}.",
    "**{}**",
    "<answer>{}</answer>",
    "<think>happy, 0.1, AU4</think>\n{}",
    "Final answer: {}",
    "```\n{}\n```",
    "\\boxed{{{}}}",
)


@pytest.mark.parametrize("dress", _DRESSES)
@pytest.mark.parametrize("label", EXPRESSIONS)
def test_labels_survive_every_dress(label: str, dress: str) -> None:
    for form in (label, label.capitalize(), label.upper()):
        assert parse(dress.format(form), "expression").value == label
    for text in (json.dumps({"expression": label}), f"```json\n{json.dumps({'expression': label}, indent=2)}\n```"):
        assert parse(text, "expression").value == label


_UNIT = st.integers(-100, 100).map(lambda v: v / 100)


@given(v=_UNIT, a=_UNIT, dress=st.sampled_from(_DRESSES), digits=st.sampled_from([2, 3]))
@settings(max_examples=300, deadline=None)
def test_valence_arousal_survives_every_dress(v: float, a: float, dress: str, digits: int) -> None:
    for form in (
        f"valence: {v:.{digits}f}, arousal: {a:.{digits}f}",
        f"({v:.2f}, {a:.2f})",
        f"valence: {v:+.2f}\narousal: {a:+.2f}",
    ):
        assert parse(dress.format(form), "valence_arousal").value == (v, a)
    unicode = f"valence: {v:.2f}, arousal: {a:.2f}".replace("-", "−")
    assert parse(unicode, "valence_arousal").value == (v, a)
    for separators in ((",", ":"), (", ", ": ")):
        assert parse(json.dumps({"valence": v, "arousal": a}, separators=separators), "valence_arousal").value == (v, a)


@given(units=st.sets(st.sampled_from(FEAB_17)), dress=st.sampled_from(_DRESSES))
@settings(max_examples=300, deadline=None)
def test_units_survive_every_dress(units: set[int], dress: str) -> None:
    numbers = sorted(units)
    plain = ", ".join(map(str, numbers)) or "none"
    named = ", ".join(f"AU{n}" for n in numbers) or "no action units"
    for form in (plain, named, json.dumps(numbers), "\n".join(f"- AU{n}" for n in numbers) or "None"):
        assert parse(dress.format(form), "action_units").value == units
    verdicts = {f"AU{n}": int(n in units) for n in FEAB_17}
    table = "\n".join(f"AU{n}: {'present' if n in units else 'absent'}" for n in FEAB_17)
    for form in (json.dumps({"action_units": numbers}), json.dumps(verdicts), table):
        assert parse(form, "action_units").value == units


_HOSTILE = (
    "happy or ", "not ", "not happy, ", "AU1, ", "AU1 and not ", "AU1 -", "AU1: is are ", "valence: 0.1 ", "valence ",
    "valence (", "{", "[", "{\"a\": [", "<answer>", "<think>", "</think>", "answer: ", "\n", "- AU1: absent\n", " ",
    "a", "1, ", "\\boxed{", "(", "no action units ", "'a':", "lip corner ", "i can't ", "0,", "-", "🙂", ": = ( | ",
    "valence and arousal are ",
)  # fmt: skip


@pytest.mark.parametrize("piece", _HOSTILE)
def test_time_grows_in_proportion_to_the_text(piece: str) -> None:
    """A guard against runaway regexes: quadratic time on 100,000 characters would take minutes."""
    text = piece * (100_000 // len(piece))
    began = time.process_time()
    for kind in KINDS:
        parse(text, kind)
    print(f"{piece!r}: {time.process_time() - began:.2f} s for {len(KINDS)} kinds")
