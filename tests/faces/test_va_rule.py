import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feab.faces.va_rule import VA_WEIGHTS, valence_arousal
from feab.vocabulary import FEAB_17

intensities = st.dictionaries(st.sampled_from(FEAB_17), st.integers(0, 5))


def test_every_unit_has_a_weight_and_rest_is_the_origin():
    assert tuple(VA_WEIGHTS) == FEAB_17
    assert valence_arousal({}) == (0.0, 0.0)


def test_worked_example():
    # 12 at D and 6 at B: v = tanh(1.10 * .8 + .12 * .4), a = tanh(.41 * .8 + .07 * .4)
    v, a = valence_arousal({12: 4, 6: 2})
    assert v == pytest.approx(math.tanh(0.88 + 0.048))
    assert a == pytest.approx(math.tanh(0.328 + 0.028))


@given(intensities)
def test_traces_move_nothing_and_values_stay_inside(found):
    v, a = valence_arousal(found)
    assert -1 < v < 1
    assert -1 < a < 1
    assert (v, a) == valence_arousal({au: k for au, k in found.items() if k >= 2})


@given(intensities)
def test_a_smile_raises_valence_and_a_frown_lowers_it(found):
    rest = {au: k for au, k in found.items() if au not in (4, 12)}
    base = valence_arousal(rest)[0]
    assert valence_arousal({**rest, 12: 3})[0] > base > valence_arousal({**rest, 4: 3})[0]


def test_units_without_a_weight_are_ignored():
    assert valence_arousal({43: 5, 28: 3}) == (0.0, 0.0)
