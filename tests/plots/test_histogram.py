"""Histograms and curves: bars as high as their counts, lines where their numbers say."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from feab.plots.histogram import curve_figure, histogram_figure

EDGES = [0.0, 0.25, 0.5, 0.75, 1.0]


def bars(svg: str) -> list[tuple[float, float]]:
    """Left edge and height of each bar, in the order drawn."""
    found = []
    for path in ElementTree.fromstring(svg).iter("path"):
        numbers = [float(x) for x in re.findall(r"-?\d+\.?\d*", path.get("d") or "")]
        if "clip-path" in path.attrib and len(numbers) == 8 and "fill" in (path.get("style") or ""):
            found.append((min(numbers[::2]), max(numbers[1::2]) - min(numbers[1::2])))
    return found


def test_bars_are_as_high_as_their_counts_and_stacked() -> None:
    drawn = bars(histogram_figure("a", EDGES, {"accepted": [1, 2, 4, 0], "rejected": [3, 0, 0, 2]}, "confidence"))
    assert len(drawn) == 8
    heights = [height for _, height in drawn]
    assert heights[1] == pytest.approx(2 * heights[0], abs=0.3)
    assert heights[2] == pytest.approx(4 * heights[0], abs=0.5)
    assert heights[3] == 0
    assert heights[4] == pytest.approx(3 * heights[0], abs=0.5)
    assert [left for left, _ in drawn[:4]] == [left for left, _ in drawn[4:]]


def test_it_is_themed_named_and_the_same_every_time() -> None:
    svg = histogram_figure("u-1", EDGES, {"accepted": [1, 2, 4, 0], "rejected": [3, 0, 0, 2]}, "<b>x</b>")
    assert svg == histogram_figure("u-1", EDGES, {"accepted": [1, 2, 4, 0], "rejected": [3, 0, 0, 2]}, "<b>x</b>")
    assert "7 accepted, 5 rejected" in svg
    assert "var(--accent)" in svg
    assert "var(--warm)" in svg
    assert "<b>" not in svg
    assert "#010" not in svg


def test_a_curve_runs_through_its_points() -> None:
    svg = curve_figure("c", [(0.0, 0.0), (0.5, 0.25), (1.0, 1.0)], ("kept", "wrong"), "Risk")
    lines = [
        [float(x) for x in re.findall(r"-?\d+\.?\d*", path.get("d") or "")]
        for path in ElementTree.fromstring(svg).iter("path")
        if "var(--accent)" in (path.get("style") or "")
    ]
    (line,) = [numbers for numbers in lines if len(numbers) == 6]
    x, y = line[::2], line[1::2]
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.2)
    assert y[1] - y[2] == pytest.approx(3 * (y[0] - y[1]), abs=0.3)
    assert "Risk" in svg
