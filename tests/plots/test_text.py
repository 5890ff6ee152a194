"""Text from outside: bounded, and nothing in it steers or hides."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feab.plots.page import number, percent
from feab.plots.text import markdown, shortened, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("happy, -0.4 é 笑 👩‍🔬", "happy, -0.4 é 笑 👩‍🔬"),
        ("a\x1b[31m\x00", "a␛[31m␀"),
        ("a\u202egnp.exe", "a‹U+202E›gnp.exe"),
        ("a\u2066b\u2069\u200b\ufeff", "a‹U+2066›b‹U+2069›‹U+200B›‹U+FEFF›"),
        ("one\r\ntwo\rthree\tfour\x7f\x85", "one\ntwo␍three\tfour␡‹U+0085›"),
        ("tag \U000e0041", "tag ‹U+E0041›"),
        ("half \ud800", "half ‹U+D800›"),
        ("line\u2028break", "line‹U+2028›break"),
    ],
)
def test_what_steers_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(st.characters(codec=None)))
def test_nothing_invisible_is_left(text: str) -> None:
    shown = visible(text)
    assert all(unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") or c in "\n\t\u200c\u200d" for c in shown)
    shown.encode("utf-8")


def test_a_long_text_keeps_its_ends_and_says_its_length() -> None:
    text = "A" * 50_000 + "B" * 50_000
    short = shortened(text, 1000)
    assert short.startswith("A" * 500)
    assert short.endswith("B" * 500)
    assert "[99,000 of 100,000 characters left out]" in short
    assert shortened("x" * 1000, 1000) == "x" * 1000


@given(st.text(max_size=300), st.integers(1, 100))
def test_shortening_keeps_beginning_and_end(text: str, limit: int) -> None:
    short = shortened(text, limit)
    if len(text) <= limit:
        assert short == text
    else:
        assert short.startswith(text[: (limit + 1) // 2])
        assert short.endswith(text[len(text) - limit // 2 :] if limit > 1 else "")


def test_numbers_are_printed_one_way() -> None:
    assert number(0.9644) == "0.964"
    assert number(-0.12) == "−0.120"
    assert number(-0.0001) == "0.000"
    assert number(0.5, 2, signed=True) == "+0.50"
    assert number(None) == percent(None) == "–"
    assert percent(0.9833) == "98.3\N{NO-BREAK SPACE}%"
    assert percent(1.0) == "100\N{NO-BREAK SPACE}%"
    assert percent(0.99999) == "99.9\N{NO-BREAK SPACE}%"


@given(st.text(max_size=60))
def test_nothing_in_a_cell_of_a_markdown_table_is_markup(text: str) -> None:
    cell = markdown(f"a|b\n# <i>{text}</i> [x](y)")
    assert not set(cell) & set("\n<>")
    assert all(cell[at - 1] == "\\" for at, char in enumerate(cell) if char in "|[]`*_#")
    assert markdown(" \n") == "–"
