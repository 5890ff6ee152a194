"""Pictures: the same bytes every time, and every unit visible."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feab.errors import FeabError
from feab.faces import AUS_RENDERED, FacsAction, Head, Identity, Scene, draw_identity, draw_scene, encode_jpeg
from feab.faces.actions import MIDLINE_AUS
from feab.faces.raster import rasterise


@pytest.fixture(scope="module")
def head() -> Head:
    return Head.load()


@pytest.fixture(scope="module")
def who() -> Identity:
    return draw_identity(11, age_group="35-59", gender="female", ancestry_preset="asian")


ACTION = FacsAction({4: (0.5, 0.4), 12: (0.7, 0.7), 26: (0.4, 0.4)}, {"eyeLookUpLeft": 0.2, "eyeLookUpRight": 0.2})


def test_same_input_same_bytes_within_and_across_heads(head: Head, who: Identity) -> None:
    scene = draw_scene(np.random.default_rng(5))
    first = head.render(who, ACTION, scene)
    assert first.shape == (224, 224, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, head.render(who, ACTION, scene))
    assert np.array_equal(first, Head().render(who, ACTION, scene))
    assert encode_jpeg(first) == encode_jpeg(first.copy())
    assert encode_jpeg(first)[:2] == b"\xff\xd8"


def test_same_bytes_in_another_process(head: Head, who: Identity) -> None:
    code = (
        "import hashlib, numpy as np\n"
        "from feab.faces import *\n"
        "i = draw_identity(11, age_group='35-59', gender='female', ancestry_preset='asian')\n"
        "p = Head.load().render(i, FacsAction({9: (.5, .5)}), draw_scene(np.random.default_rng(5)), size=64)\n"
        "print(hashlib.sha256(p.tobytes()).hexdigest())"
    )
    import hashlib

    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    here = head.render(who, FacsAction({9: (0.5, 0.5)}), draw_scene(np.random.default_rng(5)), size=64)
    assert there == hashlib.sha256(here.tobytes()).hexdigest()


def test_the_cache_of_people_does_not_change_pictures(head: Head, who: Identity) -> None:
    before = head.render(who, ACTION, Scene(), size=64)
    for seed in range(10):
        other = draw_identity(seed, age_group="18-34", gender="male", ancestry_preset="african")
        head.render(other, FacsAction(), Scene(), size=32, supersample=1)
    assert np.array_equal(before, head.render(who, ACTION, Scene(), size=64))


@pytest.mark.parametrize("au", AUS_RENDERED)
def test_every_unit_is_seen(head: Head, who: Identity, au: int) -> None:
    neutral = head.render(who, FacsAction(), Scene()).astype(int)
    moved = head.render(who, FacsAction({au: (0.8, 0.8)}), Scene()).astype(int)
    assert (np.abs(moved - neutral).mean(2) > 12).sum() >= 100


def change(head: Head, who: Identity, au: int) -> np.ndarray:
    """The picture change of an AU, blurred to 28 x 28 and centred."""
    pictures = [
        head.render(who, a, Scene()).astype(float).mean(2) for a in (FacsAction({au: (0.8, 0.8)}), FacsAction())
    ]
    small = (pictures[0] - pictures[1]).reshape(28, 8, 28, 8).mean((1, 3))
    return small / np.linalg.norm(small)


@pytest.mark.parametrize("pair", [(9, 4), (9, 10), (6, 7), (12, 14), (15, 20), (17, 24), (25, 26), (23, 24)])
def test_confusable_units_change_different_things(head: Head, who: Identity, pair: tuple[int, int]) -> None:
    a, b = (change(head, who, au) for au in pair)
    assert float((a * b).sum()) < 0.75


def test_unilateral_contempt_is_on_one_side(head: Head, who: Identity) -> None:
    neutral = head.render(who, FacsAction(), Scene(light=(0.0, 0.5, 1.0))).astype(int)
    left = head.render(who, FacsAction({12: (0.5, 0), 14: (0.8, 0)}), Scene(light=(0.0, 0.5, 1.0))).astype(int)
    seen = np.abs(left - neutral).mean(2) > 12
    assert seen[:, 112:].sum() > 5 * seen[:, :112].sum()  # the subject's left is on the picture's right


amounts = st.floats(0.05, 1.0)


@settings(max_examples=12, deadline=None)
@given(
    st.dictionaries(st.sampled_from(AUS_RENDERED), st.tuples(amounts, amounts), min_size=1, max_size=5),
    st.integers(0, 50),
    st.data(),
)
def test_reusing_a_shot_gives_the_same_bytes(
    aus: dict[int, tuple[float, float]], seed: int, data: st.DataObject
) -> None:
    head = Head.load()
    who = draw_identity(seed % 3, age_group="60+", gender="male", ancestry_preset="caucasian")
    scene = draw_scene(np.random.default_rng(seed))
    action = FacsAction({au: (a, a) if au in MIDLINE_AUS else (a, b) for au, (a, b) in aus.items()})
    shot = head.shoot(who, action, scene, size=96)
    other = action.without(data.draw(st.sampled_from(sorted(aus))))
    fresh = head.render(who, other, scene, size=96)
    assert np.array_equal(fresh, head.render(who, other, scene, size=96, reuse=shot))


def test_a_shot_of_another_scene_is_not_reused(head: Head, who: Identity) -> None:
    shot = head.shoot(who, ACTION, Scene(), size=64)
    turned = Scene(yaw=10)
    fresh = head.render(who, FacsAction(), turned, size=64)
    assert np.array_equal(fresh, head.render(who, FacsAction(), turned, size=64, reuse=shot))


@pytest.mark.parametrize(("size", "supersample"), [(8, 2), (4096, 1), (64, 0), (64, 9)])
def test_sizes_are_bounded(head: Head, who: Identity, size: int, supersample: int) -> None:
    with pytest.raises(FeabError, match="size must be"):
        head.render(who, FacsAction(), Scene(), size=size, supersample=supersample)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_rasteriser_agrees_with_a_plain_loop(seed: int) -> None:
    """Random triangles against the textbook: the nearest triangle that holds the pixel's centre."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-4, 28, (15, 2)).astype(np.float32)
    depth = rng.uniform(0, 1, 15).astype(np.float32)
    triangles = rng.permutation(15).reshape(5, 3).astype(np.int32)
    hits = rasterise(points, depth, triangles, 24, 24)
    got = np.full(576, -1)
    got[hits.pixel] = hits.triangle
    unsure = 0
    for y in range(24):
        for x in range(24):
            best, near, edge = -1, np.inf, False
            for k, (a, b, c) in enumerate(points[triangles].astype(float)):
                m = np.array([b - a, c - a]).T
                w1, w2 = (
                    np.linalg.solve(m, np.array([x + 0.5, y + 0.5]) - a) if abs(np.linalg.det(m)) > 1e-6 else (-1, -1)
                )
                w0 = 1 - w1 - w2
                edge |= min(abs(w0), abs(w1), abs(w2)) < 1e-3
                z = w0 * depth[triangles[k, 0]] + w1 * depth[triangles[k, 1]] + w2 * depth[triangles[k, 2]]
                edge |= abs(z - near) < 1e-4
                if min(w0, w1, w2) >= 0 and z < near:
                    best, near = k, z
            if edge:
                unsure += 1
            else:
                assert got[y * 24 + x] == best
    assert unsure < 300
