"""What is made of a face network's landmarks: aligned numbers, pose, and crops of the parts of a face."""

from __future__ import annotations

import importlib.util
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from feab.models.faceinfo import networks
from feab.models.faceinfo.config import FaceInfo
from feab.models.faceinfo.networks import FACEXFORMER, INSIGHTFACE, MEDIAPIPE, OnnxLandmarks
from feab.models.faceinfo.reading import REGIONS, Found, row_of
from feab.models.faceinfo.rendered import LAYOUT, RenderedLandmarks

ROOT = Path(__file__).resolve().parents[2]
LAYOUTS = {
    "mediapipe": MEDIAPIPE,
    "rendered": LAYOUT,
    "insightface": INSIGHTFACE.layout,
    "facexformer": FACEXFORMER.layout,
}
CROP = 16


def some_face(layout, seed=0, size=200.0):
    """Points that lie as a face's do: eyes apart and level, the rest around them."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0.3, 0.7, (layout.landmarks, layout.dimensions)).astype(np.float32)
    for eye, x in zip(layout.eyes, (0.4, 0.6), strict=True):
        points[list(eye), :2] = rng.uniform(-0.01, 0.01, (len(eye), 2)) + np.array([x, 0.4])
    return points * np.float32(size)


def picture(size=200, seed=1):
    noise = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Pillow.fromarray(noise).resize((size, size), Pillow.Resampling.BICUBIC)


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_are_whole(name):
    layout = LAYOUTS[name]
    assert layout.regions.keys() == {*REGIONS}
    for numbers in (*layout.eyes, *layout.regions.values()):
        assert len(set(numbers)) == len(numbers)
        assert all(0 <= number < layout.landmarks for number in numbers)
    for numbers in layout.region_shapes.values():
        assert all(0 <= number < layout.shapes for number in numbers)
    assert not set(layout.eyes[0]) & set(layout.eyes[1])
    assert max(layout.global_columns) == layout.numbers - 1
    parts = [layout.columns_of(region) for region in REGIONS]
    assert all(0 < column < layout.numbers for part in parts for column in part)
    assert len({column for part in parts for column in part}) == sum(map(len, parts)), "no number is of two parts"


@given(
    angle=st.floats(-0.7, 0.7),
    scale=st.floats(0.4, 2.5),
    x=st.floats(-40, 40),
    y=st.floats(-40, 40),
    seed=st.integers(0, 9),
)
def test_a_face_moved_turned_or_nearer_reads_the_same_but_for_its_pose(angle, scale, x, y, seed):
    points = some_face(LAYOUT, seed)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale
    moved = (points @ turn.T + (x, y)).astype(np.float32)
    one, other = (row_of(Found(each), LAYOUT, picture(), 0) for each in (points, moved))
    np.testing.assert_allclose(one[LAYOUT.points], other[LAYOUT.points], atol=2e-3)
    assert other[0] == 1
    assert other[3] / one[3] == pytest.approx(scale, rel=1e-3)
    assert other[4] - one[4] == pytest.approx(angle, abs=1e-3)


def test_the_eyes_are_level_and_one_apart():
    row = row_of(Found(some_face(LAYOUT)), LAYOUT, picture(), 0)
    points = row[LAYOUT.points].reshape(-1, 2)
    left, right = (points[list(eye)].mean(0) for eye in LAYOUT.eyes)
    np.testing.assert_allclose(left, (-0.5, 0), atol=1e-5)
    np.testing.assert_allclose(right, (0.5, 0), atol=1e-5)


def test_depth_is_scaled_and_shapes_and_embedding_are_kept():
    rng = np.random.default_rng(0)
    points, shapes = some_face(MEDIAPIPE), rng.random(52, dtype=np.float32)
    row = row_of(Found(points, shapes), MEDIAPIPE, picture(), 0)
    distance = row[3] * 200
    np.testing.assert_allclose(row[MEDIAPIPE.points].reshape(-1, 3)[:, 2], points[:, 2] / distance, rtol=1e-5)
    np.testing.assert_array_equal(row[MEDIAPIPE.points.stop :], shapes)
    layout, vector = FACEXFORMER.layout, rng.random(256, dtype=np.float32)
    row = row_of(Found(some_face(layout), embedding=vector), layout, picture(), 0)
    np.testing.assert_array_equal(row[layout.points.stop :], vector)


@pytest.mark.parametrize("trouble", ["none", "nan", "one point"])
def test_where_no_face_can_be_read_all_is_zero(trouble):
    points = some_face(LAYOUT)
    if trouble == "nan":
        points[5, 1] = np.nan
    if trouble == "one point":
        points[:] = 7
    found = None if trouble == "none" else Found(points)
    row = row_of(found, LAYOUT, picture(), CROP)
    assert row.shape == (LAYOUT.width(CROP),)
    assert not row.any()


def test_crops_show_their_part_upright_whatever_the_pose():
    """A picture and its landmarks turned and enlarged together: the crops stay."""
    points, size, angle, scale = some_face(LAYOUT), 200, 0.4, 1.5
    whole = picture(size)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale
    middle = np.array([100.0, 100.0])
    moved = (points - middle) @ turn.T + 2 * middle
    back = np.linalg.inv(turn)
    shift = middle - back @ (2 * middle)
    affine = (back[0, 0], back[0, 1], shift[0], back[1, 0], back[1, 1], shift[1])
    turned = whole.transform((400, 400), Pillow.Transform.AFFINE, affine, Pillow.Resampling.BICUBIC)
    one = row_of(Found(points), LAYOUT, whole, CROP)[LAYOUT.numbers :].reshape(len(REGIONS), CROP, CROP)
    other = row_of(Found(moved.astype(np.float32)), LAYOUT, turned, CROP)[LAYOUT.numbers :].reshape(one.shape)
    for mine, theirs, region in zip(one, other, REGIONS, strict=True):
        assert np.corrcoef(mine.ravel(), theirs.ravel())[0, 1] > 0.95, region
        assert abs(mine.mean()) < 1e-3
    assert np.corrcoef(one[0].ravel(), one[3].ravel())[0, 1] < 0.9, "another part shows something else"


def test_landmarks_of_rendered_faces_lie_where_the_renderer_put_them():
    """On people of the test split, whom the network has not met; by the mean, in shares of the eyes' distance."""
    spec = importlib.util.spec_from_file_location("fit_landmarks", ROOT / "scripts" / "fit_landmarks.py")
    assert spec is not None
    fit = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fit)
    network = RenderedLandmarks()
    off = []
    for square, points in islice(fit.known("test"), 30):
        found = network(square).landmarks / square.shape[0]
        between = np.hypot(*(points[list(LAYOUT.eyes[0])].mean(0) - points[list(LAYOUT.eyes[1])].mean(0)))
        off.append(np.hypot(*(found - points).T).mean() / between)
    assert np.mean(off) < 0.045


def test_a_network_of_the_users_own_is_run_as_described(tmp_path, monkeypatch):
    """With a stand-in for onnxruntime, which CI does not have: what goes in, and how what comes out is placed."""
    seen = []

    class Session:
        def __init__(self, data, providers):
            assert data == b"weights"

        def get_inputs(self):
            return [type("Input", (), {"name": "data"})()]

        def run(self, names, given):
            seen.append(given["data"])
            points = np.zeros((1, 212), np.float32)
            points[0, :4] = (-1, -1, 1, 0.5)
            return [points]

    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", type("M", (), {"InferenceSession": Session}))
    (tmp_path / "2d106det.onnx").write_bytes(b"weights")
    info = FaceInfo(network="insightface-2d106", weights=str(tmp_path / "2d106det.onnx"))
    network = networks.open_network(info)
    wide = np.zeros((100, 300, 3), np.uint8)
    wide[:, 100:200, 0] = 200  # red in the middle square, black beside it
    found = network(wide)
    assert seen[0].shape == (1, 3, 192, 192)
    assert seen[0].dtype == np.float32
    assert (seen[0][0, 0, :, 2:-2] == 200).all()
    assert not seen[0][0, 1:].any()
    np.testing.assert_allclose(found.landmarks[:2], [(100, 0), (200, 75)])
    with pytest.raises(Exception, match="136 numbers of landmarks and 256 of an embedding"):
        OnnxLandmarks(info.weights, FACEXFORMER)(wide)


@pytest.mark.full
def test_mediapipe_reads_rendered_faces():
    """Beside feab's own network, whose landmarks were chosen to be some of MediaPipe's."""
    pytest.importorskip("mediapipe")
    from feab.data import load_dataset
    from feab.models.faceinfo.priors import Faces
    from feab.models.fetch import fetch
    from feab.models.images import decode

    fetch("mediapipe-blendshapes")
    info = FaceInfo(network="mediapipe", crop=CROP)
    network, own = networks.open_network(info), RenderedLandmarks()
    faces = Faces(network, info)
    dataset = load_dataset("synth", "test")
    mouth = [61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91]  # as `scripts/fit_landmarks.py` has the outer lips
    off = []
    for number in range(0, 60, 5):
        data = dataset[number].media.read()
        row = faces.row(data)
        assert row.shape == (MEDIAPIPE.width(CROP),)
        assert row[0] == 1
        assert np.isfinite(row).all()
        shapes = row[MEDIAPIPE.points.stop : MEDIAPIPE.numbers]
        assert ((shapes >= 0) & (shapes <= 1)).all()
        pixels = np.asarray(decode(data))
        theirs, mine = network(pixels).landmarks[mouth, :2], own(pixels).landmarks[36:48]
        off.append(np.hypot(*(theirs - mine).T).mean() / (row[3] * 224))
    assert np.mean(off) < 0.12
    assert not faces.row(_blank()).any(), "no face in an even picture"
    faces.close()


def _blank():
    import io

    out = io.BytesIO()
    Pillow.new("RGB", (128, 128), (90, 90, 90)).save(out, "PNG")
    return out.getvalue()
