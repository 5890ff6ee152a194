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
        shot = head.shoot(who, FacsAction({12: (amount, amount), 4: (0.5, 0.5)}), scene, size=160)
        counts = changed_by(head, shot, encode_jpeg(shot.image), (4, 12))
        assert (counts[12] >= VISIBILITY_PX[12]) == seen
        assert counts[4] >= VISIBILITY_PX[4]


def test_counts_are_those_of_two_whole_drawings(face):
    head, who, scene = face
    action = FacsAction({1: (0.6, 0.6), 12: (0.7, 0.0), 26: (0.7, 0.7)})
    jpeg = encode_jpeg(head.render(who, action, scene))
    counts = changed_by(head, head.shoot(who, action, scene), jpeg, (1, 12, 25, 26))
    for au, n in counts.items():
        other = encode_jpeg(head.render(who, without(action, au), scene))
        assert n == changed_pixels(grey(jpeg), grey(other)) > 0


def test_counts_do_not_depend_much_on_the_size_of_the_picture(face):
    head, who, scene = face
    counts = []
    for size in (160, 224, 320):
        shot = head.shoot(who, FacsAction({12: (0.7, 0.7)}), scene, size=size)
        counts.append(changed_by(head, shot, encode_jpeg(shot.image), (12,))[12])
    assert max(counts) < 1.5 * min(counts)
