import numpy as np
import pytest

from feab.faces.actions import FacsAction
from feab.faces.head import Head
from feab.faces.jpeg import encode_jpeg
from feab.faces.scene import Scene
from feab.faces.synth import SPLITS, split_identity
from feab.faces.visibility import VISIBILITY_PX, changed_by, changed_pixels, grey, visible, without


def test_pixels_count_from_thirteen_grey_levels():
    a = np.zeros((4, 5), np.int16)
    b = a.copy()
    b[0] = 12
    b[1, :3] = 13
    b[2, 0] = -40
    assert changed_pixels(a, b) == changed_pixels(b, a) == 4


def test_grey_is_luma():
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[..., 1] = 200
    assert abs(int(grey(encode_jpeg(picture))[8, 8]) - round(0.587 * 200)) <= 2


def test_taking_away_parted_lips_takes_away_what_parts_them():
    action = FacsAction({10: (0.5, 0.5), 12: (0.4, 0.4), 25: (0.5, 0.5), 26: (0.6, 0.6)}, {"jawLeft": 0.1})
    closed = without(action, 25)
    assert set(closed.aus) == {12, 26}
    assert closed.sealed
    assert closed.noise == action.noise
    assert set(without(action, 12).aus) == {10, 25, 26}
    assert not without(FacsAction({25: (0.5, 0.5)}), 25).sealed


def test_what_cannot_be_seen_becomes_a_trace():
    limit = VISIBILITY_PX[6]
    found = {6: 3, 7: 2, 12: 5, 14: 1, 15: 0}
    assert visible(found, {6: limit - 1, 7: limit, 12: 2000}) == {6: 1, 7: 2, 12: 5, 14: 1, 15: 0}


@pytest.fixture(scope="module")
def face():
    return Head.load(), split_identity(SPLITS["validation"], 5), Scene()


def test_a_smile_is_seen_and_a_hint_of_one_is_not(face):
    head, who, scene = face
    for amount, seen in ((0.6, True), (0.01, False)):
        action = FacsAction({12: (amount, amount), 4: (0.5, 0.5)})
        jpeg = encode_jpeg(head.render(who, action, scene, size=160))
        counts = changed_by(head, who, action, scene, (4, 12), jpeg, size=160)
        assert (counts[12] >= VISIBILITY_PX[12]) == seen
        assert counts[4] >= VISIBILITY_PX[4]


def test_quick_and_full_comparison_agree_on_size(face):
    head, who, scene = face
    action = FacsAction({1: (0.6, 0.6), 12: (0.7, 0.7), 26: (0.7, 0.7)})
    jpeg = encode_jpeg(head.render(who, action, scene))
    quick = changed_by(head, who, action, scene, (1, 12, 26), jpeg, size=224)
    for au in quick:
        other = encode_jpeg(head.render(who, without(action, au), scene))
        assert quick[au] == pytest.approx(changed_pixels(grey(jpeg), grey(other)), rel=0.5)


def test_nothing_to_compare_costs_nothing(face):
    head, who, scene = face
    jpeg = encode_jpeg(head.render(who, FacsAction(), scene, size=64))
    assert changed_by(head, who, FacsAction(), scene, (), jpeg, size=64) == {}
