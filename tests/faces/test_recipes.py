"""FACS actions: what may be asked, how it becomes mesh units, and intensity letters."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feab.errors import FeabError
from feab.faces import AUS_RENDERED, FacsAction, Measures, intensity_letter, intensity_value, measured_intensities
from feab.faces.actions import MIDLINE_AUS, NOISE_UNITS
from feab.faces.recipes import B_STARTS, GAIN, RECIPES, intensity_cuts, unit_weights


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ({"aus": {3: (0.5, 0.5)}}, "AU 3 is not rendered"),
        ({"aus": {27: (0.0, 0.0)}}, "AU 27 is not rendered"),
        ({"aus": {12: (1.2, 0.5)}}, r"AU 12: amounts must be in \[0, 1\]"),
        ({"aus": {12: (0.5, -0.1)}}, r"AU 12: amounts must be in \[0, 1\]"),
        ({"aus": {12: (float("nan"), 0.5)}}, r"AU 12: amounts must be in \[0, 1\]"),
        ({"aus": {26: (0.5, 0.2)}}, "AU 26 moves both sides together"),
        ({"noise": {"mouthSmileLeft": 0.2}}, "no noise unit"),
        ({"noise": {"eyeBlinkLeft": 1.4}}, "weight must be"),
        ({"noise": {"cheekPuff": 0.6}}, "weight must be"),
        ({"aus": {5: (0.5, 0.5)}, "noise": {"eyeBlinkLeft": 0.1}}, "would hide AU 5"),
        ({"aus": {7: (0.5, 0.5)}, "noise": {"eyeBlinkRight": 0.3}}, "reads as closed"),
    ],
)
def test_mistakes_are_named(action: dict, message: str) -> None:
    with pytest.raises(FeabError, match=message):
        FacsAction(**action)


def test_actions_compare_hash_and_pickle_by_value() -> None:
    a = FacsAction({12: (0.5, 0.5), 6: (0.2, 0.3), 4: (0.0, 0.0)}, {"jawLeft": 0.1})
    b = FacsAction({6: (0.2, 0.3), 12: (0.5, 0.5)}, {"jawLeft": 0.1})
    assert a == b
    assert hash(a) == hash(b)
    assert pickle.loads(pickle.dumps(a)) == a
    assert a.without(12).aus == {6: (0.2, 0.3)}
    assert dict(a.aus) == {6: (0.2, 0.3), 12: (0.5, 0.5)}


def test_an_action_cannot_be_changed() -> None:
    action = FacsAction({12: (0.5, 0.5)})
    with pytest.raises(TypeError):
        action.aus[12] = (1.0, 1.0)  # type: ignore[index]


def test_every_rendered_unit_has_a_recipe_and_the_caps_hold() -> None:
    assert set(RECIPES) == set(AUS_RENDERED)
    for au, unit, cap in ((7, "eyeSquintLeft", 0.6), (12, "mouthSmileRight", 0.8), (15, "mouthFrownLeft", 0.8)):
        assert unit_weights(FacsAction({au: (1, 1)}))[unit] == pytest.approx(cap * GAIN)
    assert unit_weights(FacsAction({26: (1, 1)}))["jawOpen"] == pytest.approx(0.6)


def test_composed_recipes_take_back_what_does_not_belong() -> None:
    nine = unit_weights(FacsAction({9: (1, 1)}))
    assert nine["browDownLeft"] == pytest.approx(-0.4 * GAIN)
    assert nine["mouthUpperUpLeft"] == pytest.approx(0.3 * GAIN)
    assert unit_weights(FacsAction({20: (1, 1)}))["mouthFrownRight"] == pytest.approx(-0.5 * GAIN)
    assert unit_weights(FacsAction({24: (1, 1)}))["mouthSmileLeft"] < 0


def test_sealing_closes_what_the_jaw_opened_and_nothing_else() -> None:
    sealed = unit_weights(FacsAction({26: (0.5, 0.5)}, sealed=True))
    assert sealed["mouthClose"] == sealed["jawOpen"]
    assert "mouthClose" not in unit_weights(FacsAction({12: (0.5, 0.5)}, sealed=True))


def test_one_side_uses_only_that_sides_units() -> None:
    assert all("Right" not in u for u in unit_weights(FacsAction({12: (0.5, 0), 14: (0.8, 0)})))


@given(
    st.dictionaries(st.sampled_from(AUS_RENDERED), st.floats(0, 1)),
    st.dictionaries(st.sampled_from(NOISE_UNITS), st.floats(0, 0.1)),
)
def test_weights_stay_within_what_a_unit_can_show(aus: dict[int, float], noise: dict[str, float]) -> None:
    if aus.get(5):
        noise = {n: w for n, w in noise.items() if not n.startswith("eyeBlink")}
    weights = unit_weights(FacsAction({au: (f, f) for au, f in aus.items()}, noise))
    assert all(-0.8 <= w <= 1.35 for w in weights.values())


@pytest.mark.parametrize("au", AUS_RENDERED)
def test_letters_rise_with_the_amount(au: int) -> None:
    cuts = intensity_cuts(au)
    assert 0 < cuts[0] < cuts[1] < cuts[2] < cuts[3] < cuts[4] < 1
    values = [intensity_value(au, x) for x in (0, *cuts, 1.0)]
    assert values == [0, 1, 2, 3, 4, 5, 5]
    assert [intensity_letter(au, x) for x in (0, *cuts)] == ["", "A", "B", "C", "D", "E"]
    if au not in (25, 26):
        assert cuts[1] == B_STARTS[au]


def test_the_mesh_decides_25_and_26() -> None:
    assert measured_intensities(Measures(lip_gap=0.05, chin_drop=0.0)) == {25: 2, 26: 0}
    assert measured_intensities(Measures(lip_gap=0.0, chin_drop=0.21)) == {25: 0, 26: 3}
    assert intensity_letter(25, 0.039) == "A"
    assert intensity_letter(26, 0.36) == "D"


def test_an_unknown_unit_has_no_letter() -> None:
    with pytest.raises(FeabError, match="AU 16 is not rendered"):
        intensity_letter(16, 0.5)


def test_midline_units_are_those_without_sides() -> None:
    without_sides = {au for au, r in RECIPES.items() if all("{S}" not in u for u, _ in r.units)}
    assert without_sides == set(MIDLINE_AUS)
