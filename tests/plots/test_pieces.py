"""Tables that draw: the right numbers at the right places, and hostile names stay text."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from dom import outline, words

from feab.errors import FeabError
from feab.plots.pieces import (
    Axis,
    Row,
    Tick,
    close_axis,
    facts,
    heat_table,
    interval_table,
    plain_table,
    whole_axis,
)

ROW = Row("faces", 0.6, 0.5, 0.75, ticks=(Tick("uniform", 0.125),), cells=("1,152",), note="macro-F1")


def test_a_score_lies_where_it_belongs_on_the_axis() -> None:
    html = interval_table("Scores", [ROW], first="task", columns=["n"], beside="chance")
    assert '<i class="range" style="left:50.0%;width:25.0%">' in html
    assert '<i class="dot" style="left:60.0%">' in html
    assert '<i class="tick t0" style="left:12.5%">' in html
    text = words(html)
    for shown in ("faces", "macro-F1", "0.600", "0.500 to 0.750", "1,152", "uniform 0.125", "chance", "Scores"):
        assert shown in text
    assert html.count('scope="col"') == 5
    assert html.count('scope="row"') == 1


def test_what_is_not_there_is_a_dash_and_is_not_drawn() -> None:
    html = interval_table("Scores", [Row("faces", None), Row("few", 0.5, 0.4, 0.6, rough=True)], first="task")
    assert html.count("dot") == html.count("range") == 1
    assert "no interval" in words(html)
    assert "0.400 to 0.600 *" in words(html)


def test_axes() -> None:
    assert whole_axis([ROW]) == Axis(0, 1, 0.25)
    assert whole_axis([Row("ccc", 0.1, -0.05, 0.2)]) == Axis(-1, 1, 0.5)
    assert Axis(-1, 1, 0.5).place(0) == 50
    assert Axis(0, 1, 0.25).place(7) == 100
    assert Axis(0, 1, 0.25).labels == [0, 0.5, 1]
    near = close_axis([Row("a", 0.95, 0.92, 0.97), Row("b", 0.96, 0.94, 0.98)])
    assert near.low == pytest.approx(0.92)
    assert near.high == pytest.approx(0.98)
    assert close_axis([Row("a", 0.5)]).high > 0.5
    assert close_axis([Row("a", None)]) == Axis(0, 1, 0.25)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=5))
def test_a_close_axis_holds_every_score(values: list[float]) -> None:
    axis = close_axis([Row("x", value) for value in values])
    assert axis.low - 1e-9 <= min(values)
    assert max(values) <= axis.high + 1e-9
    assert 1 <= len(axis.lines) <= 7


def test_a_heat_table_holds_the_counts_and_shades_shares() -> None:
    html = heat_table("Confusion", ["fear", "anger"], ["fear", "anger", "none"], [[3, 1, 0], [0, 0, 0]], first="truth")
    cells = re.findall(r'cell (same|other)" style="--depth:([\d.]+)%">(?:<span class="zero">)?(\d+)', html)
    assert cells == [
        ("same", "86.6", "3"),
        ("other", "50.0", "1"),
        ("other", "0.0", "0"),
        ("other", "0.0", "0"),
        ("same", "0.0", "0"),
        ("other", "0.0", "0"),
    ]


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(FeabError, match="2 rows of 1 counts"):
        heat_table("c", ["a", "b"], ["a"], [[1]], first="t")
    with pytest.raises(FeabError, match="needs 0 cells"):
        interval_table("c", [ROW], first="t")


def a_page(text: str) -> str:
    return "".join(
        (
            interval_table(
                text,
                [Row(text, 0.5, 0.4, 0.6, ticks=(Tick(text, 0.1),), cells=(text,), note=text)],
                first=text,
                score=text,
                columns=[text],
                beside=text,
            ),
            heat_table(text, [text], [text, "none"], [[1, 2]], first=text, after=[(text, [text])]),
            plain_table(text, [text, text], [[text, text]]),
            facts([(text, text)]),
        )
    )


def without_breaks(html: str) -> list[tuple[str, tuple[str, ...]]]:
    """The page's elements but <wbr>, which may stand after an underscore or a slash: some names have more of them."""
    return [tag for tag in outline(html) if tag[0] != "wbr"]


@given(st.text(min_size=1))
def test_any_text_in_any_field_stays_text(text: str) -> None:
    assert without_breaks(a_page(text)) == outline(a_page("clean"))


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '" onmouseover="x', "'><img src=x onerror=y>", "</td></table>", "{{ 7 * 7 }}"]
)
def test_markup_stays_text(text: str) -> None:
    html = a_page(text)
    assert without_breaks(html) == outline(a_page("clean"))
    assert text in words(html)
