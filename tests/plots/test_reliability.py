"""The reliability diagram: a dot a bin where it belongs, the larger the more it holds."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from feab.plots.reliability import Bin, reliability_figure

BINS = [Bin(10, 0.1, 0.0), Bin(1000, 0.5, 0.5), Bin(3, 0.9, 1.0)]


def dots(svg: str) -> list[tuple[float, float]]:
    return [(float(use.get("x")), float(use.get("y"))) for use in ElementTree.fromstring(svg).iter("use")][-3:]


def test_dots_lie_where_their_numbers_say():
    (x1, y1), (x2, y2), (x3, y3) = dots(reliability_figure("a", BINS))
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2)
    assert y1 - y2 == pytest.approx(y2 - y3, abs=0.2)  # SVG counts downwards
    assert (x3 - x1) / 0.8 == pytest.approx((y1 - y3) / 1.0, rel=0.02)  # both axes on one scale


def test_it_is_themed_named_and_the_same_every_time():
    svg = reliability_figure("t1-reliability", BINS)
    assert svg == reliability_figure("t1-reliability", BINS)
    assert "1,013 probabilities in 3 bins" in svg
    assert "var(--accent)" in svg
    assert "#010" not in svg


def test_without_a_bin_there_are_only_axes():
    assert "0 probabilities" in reliability_figure("a", [])
