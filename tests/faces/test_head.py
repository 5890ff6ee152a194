"""The head: who is drawn, what the mesh does, what is measured on it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from feab.errors import FeabError
from feab.faces import (
    AGE_GROUPS,
    ANCESTRY_PRESETS,
    AUS_RENDERED,
    GENDERS,
    FacsAction,
    Head,
    Identity,
    Scene,
    draw_identity,
    draw_scene,
)
from feab.faces.mesh import LEFT_EYE, RIGHT_EYE, Mesh

WHO = [
    draw_identity(k, age_group=a, gender=g, ancestry_preset=p)
    for k, (a, g, p) in enumerate((a, g, p) for a in AGE_GROUPS for g in GENDERS for p in ANCESTRY_PRESETS)
]
SOME = WHO[::5]


@pytest.fixture(scope="module")
def head() -> Head:
    return Head.load()


def both(**amounts: float) -> FacsAction:
    return FacsAction({int(k[2:]): (f, f) for k, f in amounts.items()})


def displaced(head: Head, who: Identity, action: FacsAction) -> np.ndarray:
    neutral = head.mesh.shape(who)
    return (head.mesh.act(neutral, action) - neutral) / head.mesh.interocular(neutral)


def region(head: Head, x: tuple[float, float], y: tuple[float, float], z: float = 1.0) -> np.ndarray:
    v = head.mesh.vertices
    inside = (v[:, 0] > x[0]) & (v[:, 0] < x[1]) & (v[:, 1] > y[0]) & (v[:, 1] < y[1]) & (v[:, 2] > z)
    assert inside.any()
    return inside


LEFT_CORNER, RIGHT_CORNER = ((0.27, 0.33), (6.55, 6.66)), ((-0.33, -0.27), (6.55, 6.66))
INNER_BROWS, LEFT_OUTER_BROW = ((-0.16, 0.16), (7.39, 7.48)), ((0.45, 0.60), (7.39, 7.50))


def test_a_drawn_identity_is_always_the_same_and_seeds_differ() -> None:
    args = {"age_group": "35-59", "gender": "male", "ancestry_preset": "asian"}
    assert draw_identity(7, **args) == draw_identity(7, **args)
    assert draw_identity(7, **args) != draw_identity(8, **args)
    assert hash(draw_identity(7, **args)) == hash(draw_identity(7, **args))


@pytest.mark.parametrize("group", AGE_GROUPS)
def test_all_are_adults_within_their_age_group(group: str) -> None:
    low, high = {"18-34": (18, 35), "35-59": (35, 60), "60+": (60, 100)}[group]
    for seed in range(60):
        who = draw_identity(seed, age_group=group, gender="female", ancestry_preset="african")
        assert low <= who.age_years < high


@pytest.mark.parametrize("what", ["age_group", "gender", "ancestry_preset"])
def test_an_unknown_group_is_named_with_what_is_known(what: str) -> None:
    args = {"age_group": "60+", "gender": "male", "ancestry_preset": "asian", what: "4-19"}
    with pytest.raises(FeabError, match=f"{what} '4-19' is unknown; choose one of"):
        draw_identity(1, **args)


def test_skin_tone_varies_within_a_preset_and_ranges_overlap() -> None:
    def tones(preset: str) -> np.ndarray:
        draw = [draw_identity(s, age_group="18-34", gender="male", ancestry_preset=preset) for s in range(80)]
        return np.array([np.mean(i.skin) for i in draw])

    african, asian, caucasian = (tones(p) for p in ANCESTRY_PRESETS)
    assert african.max() > asian.min()
    assert asian.max() > caucasian.min()
    assert min(t.std() for t in (african, asian, caucasian)) > 0.03


def test_scenes_are_near_frontal_and_follow_the_seed() -> None:
    for seed in range(50):
        scene = draw_scene(np.random.default_rng(seed))
        assert scene == draw_scene(np.random.default_rng(seed))
        assert abs(scene.yaw) <= 14
        assert abs(scene.pitch) <= 8
        assert abs(scene.roll) <= 5


def test_the_data_file_needs_no_pickle_and_stays_small() -> None:
    from feab.faces.head import _DATA

    assert _DATA.stat().st_size < 1_200_000
    with np.load(_DATA, allow_pickle=False) as data:
        assert {"vertices", "quads", "names", "offset"} <= set(data.files)


def test_presets_genders_and_ages_have_different_shapes(head: Head) -> None:
    base = draw_identity(3, age_group="18-34", gender="female", ancestry_preset="african")
    neutral = head.mesh.shape(base)
    for change in ({"ancestry_preset": "asian"}, {"gender": "male"}, {"age_years": 80.0}):
        other = head.mesh.shape(dataclasses.replace(base, **change))
        assert np.abs(other - neutral).max() > 0.03


def test_a_neutral_mouth_is_closed(head: Head) -> None:
    for who in WHO:
        measures = head.measure(who, FacsAction())
        assert measures.lip_gap == 0
        assert measures.chin_drop == 0
        assert max(head.mesh._lip_gaps(head.mesh.shape(who))) < 0.005


@pytest.mark.parametrize("who", SOME, ids=lambda w: f"{w.ancestry_preset}-{w.gender}-{w.age_group}")
class TestEachUnitMovesWhatItShould:
    """Displacements in interocular distances; y up, x to the subject's left."""

    def test_brows(self, head: Head, who: Identity) -> None:
        inner, outer = region(head, *INNER_BROWS), region(head, *LEFT_OUTER_BROW)
        assert displaced(head, who, both(au1=1))[inner, 1].mean() > 0.02
        assert displaced(head, who, both(au2=1))[outer, 1].mean() > 0.02
        assert displaced(head, who, both(au4=1))[inner, 1].mean() < -0.02

    def test_nose_wrinkling_is_not_brow_lowering(self, head: Head, who: Identity) -> None:
        inner, outer = region(head, *INNER_BROWS), region(head, *LEFT_OUTER_BROW)
        nine, four = displaced(head, who, both(au9=1)), displaced(head, who, both(au4=1))
        wing = region(head, (0.12, 0.22), (6.80, 6.95), 1.2)
        assert nine[wing, 1].mean() > 0.03
        assert abs(four[wing, 1].mean()) < 0.005
        assert nine[inner, 1].mean() > 0.75 * four[inner, 1].mean()
        assert nine[outer, 1].mean() > 0.5 * four[outer, 1].mean()

    def test_lip_corners(self, head: Head, who: Identity) -> None:
        corner = region(head, *LEFT_CORNER)
        smile, frown, stretch = (displaced(head, who, both(**{f"au{k}": 1.0}))[corner] for k in (12, 15, 20))
        assert smile[:, 1].mean() > 0.05
        assert frown[:, 1].mean() < -0.05
        assert stretch[:, 0].mean() > 0.05
        assert abs(stretch[:, 1].mean()) < 0.5 * abs(frown[:, 1].mean())

    def test_mouth_gets_narrow_in_23_not_in_24(self, head: Head, who: Identity) -> None:
        corner = region(head, *LEFT_CORNER)
        assert displaced(head, who, both(au23=1))[corner, 0].mean() < -0.04
        assert displaced(head, who, both(au24=1))[corner, 0].mean() > -0.02

    def test_chin(self, head: Head, who: Identity) -> None:
        assert head.measure(who, both(au17=1)).chin_drop < -0.02
        assert head.measure(who, both(au26=1)).chin_drop > 0.15

    def test_jaw_drop_grows_and_parts_the_lips_unless_sealed(self, head: Head, who: Identity) -> None:
        amounts = (0.25, 0.5, 0.75, 1.0)
        measured = [head.measure(who, both(au26=f)) for f in amounts]
        assert np.all(np.diff([m.chin_drop for m in measured]) > 0)
        assert np.all(np.diff([m.lip_gap for m in measured]) > 0)
        for f, open_mouth in zip(amounts, measured, strict=True):
            sealed = head.measure(who, FacsAction({26: (f, f)}, sealed=True))
            assert sealed.lip_gap < 0.02
            assert sealed.chin_drop > 0.8 * open_mouth.chin_drop

    def test_lips_part_without_the_jaw(self, head: Head, who: Identity) -> None:
        measures = head.measure(who, both(au25=1))
        assert measures.lip_gap > 0.04
        assert abs(measures.chin_drop) < 0.05
        assert head.measure(who, both(au10=1)).lip_gap > 0.02
        for closed in (1, 2, 4, 5, 6, 7, 12, 14, 15, 17, 20, 23, 24):
            assert head.measure(who, both(**{f"au{closed}": 1.0})).lip_gap < 0.02, closed


@pytest.mark.parametrize("au", [2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 20, 25])
def test_one_side_moves_alone(head: Head, au: int) -> None:
    who = WHO[4]
    left, right = (displaced(head, who, FacsAction({au: side})) for side in ((0.9, 0.0), (0.0, 0.9)))
    x = head.mesh.vertices[:, 0]
    for move, own in ((left, x > 0.05), (right, x < -0.05)):
        energy = (move**2).sum(1)
        assert energy[own].sum() > 0.7 * energy.sum()


def open_eye_pixels(head: Head, who: Identity, action: FacsAction) -> int:
    from feab.faces.camera import look
    from feab.faces.raster import rasterise

    person = head._person(who)
    view = look(head.mesh.act(person.neutral, action), person.frame, Scene(), 448)
    surface = head._surface
    solid = surface.part < 6
    hits = rasterise(view.points, -view.space[:, 2], surface.triangles[solid], 448, 448)
    part = surface.part[solid][hits.triangle]
    return int(((part == LEFT_EYE) | (part == RIGHT_EYE)).sum())


@pytest.mark.parametrize("who", SOME[:3], ids=lambda w: w.ancestry_preset)
def test_5_opens_the_eye_and_7_narrows_but_does_not_close_it(head: Head, who: Identity) -> None:
    rest = open_eye_pixels(head, who, FacsAction())
    assert open_eye_pixels(head, who, both(au5=1)) > 1.2 * rest
    narrow = open_eye_pixels(head, who, both(au7=1))
    assert 0.3 * rest < narrow < 0.85 * rest


def test_face_fills_the_frame(head: Head) -> None:
    for k, who in enumerate(WHO):
        scene = draw_scene(np.random.default_rng(k))
        x, y, w, h = head.face_box(who, FacsAction(), scene, size=224)
        assert h >= 0.75 * 224
        assert x >= 0
        assert y >= 0
        assert x + w <= 224
        assert y + h <= 224


def test_a_missing_target_is_a_mistake_with_a_remedy() -> None:
    from feab.faces.head import _DATA

    mesh = Mesh(_DATA)
    with pytest.raises(FeabError, match="rebuild it"):
        mesh.move(mesh.vertices.copy(), "unit:none", 1.0)


def test_every_rendered_unit_moves_the_mesh(head: Head) -> None:
    for au in AUS_RENDERED:
        assert np.abs(displaced(head, WHO[0], both(**{f"au{au}": 1.0}))).max() > 0.03
