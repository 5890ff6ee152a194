import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feab.faces.head import Head
from feab.faces.posing import BAND, amount_range, pose, solve
from feab.faces.recipes import intensity_cuts, intensity_value
from feab.faces.synth import SPLITS, split_identity, split_plans
from feab.vocabulary import FEAB_17

SPEC = SPLITS["validation"]


@pytest.mark.parametrize("au", FEAB_17)
def test_ranges_show_their_letter_and_leave_the_band_around_b_empty(au):
    b = intensity_cuts(au)[1]
    for letter in (1, 2, 3, 4, 5):
        low, high = amount_range(au, letter)
        assert low < high
        assert intensity_value(au, low) == letter == intensity_value(au, high - 1e-9)
    assert amount_range(au, 1)[1] == pytest.approx(b * (1 - BAND))
    assert amount_range(au, 2)[0] == pytest.approx(b * (1 + BAND))


@given(st.floats(0.01, 0.99), st.floats(0.5, 3))
def test_solve_finds_where_an_increasing_measure_meets_its_target(target, power):
    assert solve(lambda x: x**power, target, steps=60, tolerance=1e-6) ** power == pytest.approx(target, abs=1e-3)


def test_solve_stops_at_the_ends_of_what_can_be_reached():
    assert solve(lambda x: 0.1 + 0.1 * x, 0.05) == 0.0
    assert solve(lambda x: 0.1 + 0.1 * x, 0.5) == 1.0
    assert solve(lambda x: 0.1, 0.1) == 0.0


@pytest.fixture(scope="module")
def posed():
    head = Head.load()
    found = []
    for index in (2, 15):
        who = split_identity(SPEC, index)
        for p in split_plans(SPEC, index):
            action = pose(head, who, p.plan, np.random.default_rng([*p.scene_seed, 6]))
            found.append((p.plan, action, head.measure(who, action)))
    return found


def test_amounts_show_the_planned_letters(posed):
    for plan, action, _ in posed:
        for au, letter in plan.letters.items():
            if au not in (25, 26):
                assert intensity_value(au, max(action.aus[au])) == letter
                assert (min(action.aus[au]) == 0) == (au in plan.one_sided)
        assert set(action.aus) - {25, 26} == set(plan.letters) - {25, 26}


def test_the_jaw_drops_as_far_as_planned_or_as_far_as_it_can(posed):
    seen = 0
    for plan, action, measures in posed:
        if 26 in plan.letters:
            shown = intensity_value(26, measures.chin_drop)
            assert shown == plan.letters[26] or (max(action.aus[26]) == 1.0 and shown >= 2)
            assert (measures.lip_gap < intensity_cuts(25)[0]) == plan.sealed
            seen += 1
        else:
            assert measures.chin_drop < intensity_cuts(26)[1] * (1 - BAND)
    assert seen >= 5


def test_lips_meant_to_part_do_and_no_gap_lies_around_the_b_cut(posed):
    b = intensity_cuts(25)[1]
    inside = 0
    for plan, _, measures in posed:
        inside += (1 - BAND) * b <= measures.lip_gap < (1 + BAND) * b
        if 25 in plan.letters and 17 not in plan.letters:  # a raised chin may hold the lips together
            assert measures.lip_gap >= b
        if {23, 24} & {au for au, k in plan.letters.items() if k >= 2}:
            assert measures.lip_gap < intensity_cuts(25)[0]
    assert inside <= 1
