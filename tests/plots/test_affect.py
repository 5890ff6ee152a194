"""Drawings of valence and arousal: the points are there, in the page's colours, the same every time."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from dom import outline, words

from feab.plots.affect import MOST_POINTS, Shift, _spread, agreement_figure, circumplex_figure, sample_rows

DRAW = np.random.default_rng(0)
TRUTH = DRAW.uniform(-1, 1, 40)
ANSWER = np.where(np.arange(40) < 3, np.nan, TRUTH + 0.1)


def places(svg: str) -> list[tuple[float, float]]:
    """Where the points of the drawing lie, in its own units."""
    root = ElementTree.fromstring(svg)
    marks = [g for g in root.iter("g") if len(g) > 5 and {child.tag for child in g} == {"use"}]
    return [(float(use.get("x", "nan")), float(use.get("y", "nan"))) for g in marks for use in g]


def test_every_answered_face_is_a_point_and_agreement_lies_on_the_diagonal() -> None:
    svg = agreement_figure("a", "valence", TRUTH, TRUTH)
    points = places(svg)
    assert len(points) == 40
    xs, ys = np.array(points).T
    order = np.argsort(TRUTH)
    assert (np.diff(xs[order]) >= 0).all()
    assert (np.diff(ys[order]) <= 0).all()  # SVG counts downwards
    unit = np.polyfit(TRUTH, xs, 1)[0]
    assert np.polyfit(TRUTH, ys, 1)[0] == pytest.approx(-unit, rel=0.01)  # both axes on one scale
    assert len(places(agreement_figure("a", "valence", TRUTH, ANSWER))) == 37


def test_a_drawing_is_themed_small_and_the_same_every_time() -> None:
    svg = agreement_figure("a", "arousal", TRUTH, ANSWER)
    assert svg == agreement_figure("a", "arousal", TRUTH, ANSWER)
    assert "var(--accent)" in svg
    assert "#010" not in svg
    assert "#000" not in svg
    assert "DejaVu" not in svg
    assert "matplotlib" not in svg
    assert re.search(r"\d\.\d{2}", svg.replace("0.25", "")) is None or len(svg) < 20_000
    ids = set(re.findall(r'id="([^"]+)"', svg))
    assert ids
    assert all(name.startswith("a-") for name in ids)
    assert set(re.findall(r'href="#([^"]+)"', svg)) <= ids


def test_of_many_points_a_seeded_sample_is_drawn() -> None:
    many = np.linspace(-1, 1, 3 * MOST_POINTS)
    assert len(places(agreement_figure("a", "valence", many, many))) == MOST_POINTS
    assert (sample_rows(10_000) == sample_rows(10_000)).all()
    assert len(sample_rows(10)) == 10


def test_the_circumplex_names_its_groups_without_overlap() -> None:
    shifts = [Shift(name, (-0.5, 0.5), (-0.5, 0.5 + i / 100)) for i, name in enumerate(("fear", "anger", "disgust"))]
    svg = circumplex_figure("c", np.column_stack([TRUTH, ANSWER]), shifts)
    for name in ("fear", "anger", "disgust", "valence", "arousal"):
        assert name in words(svg)
    heights = _spread([0.5, 0.51, 0.52, 0.9])
    assert np.diff(heights).min() == pytest.approx(0.105)
    assert heights[3] == 0.9
    assert np.mean(heights[:3]) == pytest.approx(0.51)


@pytest.mark.parametrize(
    "name", ["</text><script>x</script>", "$\\frac{", "a\u202eb\x00", "&amp;<!--", "x" * 5000, "笑"]
)
def test_hostile_names_stay_text(name: str) -> None:
    def drawn(name: str) -> str:
        return circumplex_figure("c", np.empty((0, 2)), [Shift(name, (0.1, 0.1), (0.2, 0.2))])

    assert outline(drawn(name)) == outline(drawn("clean"))
    assert len(drawn(name)) < 20_000
    ElementTree.fromstring(drawn(name))
