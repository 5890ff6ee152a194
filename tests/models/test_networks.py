"""Trained networks behind the protocol: what they are shown, what they say, and what they admit they cannot answer."""

from __future__ import annotations

import importlib.util
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Pillow
from tiny_vlm import ask

import feab
from feab.answers import parse
from feab.data import load_dataset
from feab.errors import FeabError
from feab.models import ModelInfo, load_model
from feab.models.networks.blendshapes import AUS, SHAPES, activity
from feab.models.networks.model import NETWORKS, NetworkModel
from feab.models.networks.readers import (
    NO_FACE,
    BlendshapeOptions,
    BlendshapeReader,
    ExpressionOptions,
    ExpressionReader,
    square,
)
from feab.models.networks.tflite import grey
from feab.models.packages import PACKAGES, is_fetched
from feab.records import Outcome
from feab.vocabulary import EXPRESSIONS, FEAB_17

NEEDS = {"face-api": "torch", "fer": "ai_edge_litert", "facex": "ai_edge_litert", "mediapipe-blendshapes": "mediapipe"}
SEVEN = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger")


def loaded(name):
    """The real network, or a skipped test."""
    if importlib.util.find_spec(NEEDS[name]) is None:
        pytest.skip(f"needs {NEEDS[name]}: pip install 'feab[baselines]'")
    if not is_fetched(PACKAGES[name]):
        pytest.skip(f"needs its weights: feab models fetch {name}")
    return load_model(f"baseline/{name}")


def png(pixels):
    out = io.BytesIO()
    Pillow.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


class Fixed:
    """Gives the same probabilities whatever it is shown, and remembers what that was."""

    labels = SEVEN
    edge = 8

    def __init__(self, *probabilities):
        self.probabilities = np.array(probabilities, dtype=np.float32)

    def __call__(self, pixels):
        self.seen = pixels
        return self.probabilities


class Shapes:
    """Gives the same activities, or finds no face."""

    def __init__(self, found):
        self.found = found

    def __call__(self, pixels):
        return self.found

    def close(self):
        self.found = None


def model(reader):
    return NetworkModel(ModelInfo("baseline/x", "baseline", "1", kinds=(reader.kind,)), reader)


def expressions(network, **options):
    return model(ExpressionReader(network, ExpressionOptions(**options)))


def units(found, **options):
    return model(BlendshapeReader(Shapes(found), BlendshapeOptions(**options)))


def said(one, question):
    (completion,) = one.generate([question])
    return completion


def test_the_likeliest_label_offered_is_the_answer():
    one = expressions(Fixed(0.1, 0.5, 0.2, 0.1, 0.05, 0.03, 0.02))
    whole = said(one, replace(ask(0), choices=EXPRESSIONS))
    assert whole.texts == ("happiness",)
    assert whole.probabilities == pytest.approx(dict(zip(SEVEN, (0.1, 0.5, 0.2, 0.1, 0.05, 0.03, 0.02), strict=True)))
    assert "contempt" not in whole.probabilities
    few = said(one, replace(ask(0), choices=("fear", "sadness", "contempt"), n=3))
    assert few.texts == ("sadness",) * 3
    assert set(few.probabilities) == {"fear", "sadness"}
    as_json = said(one, replace(ask(0), choices=EXPRESSIONS, schema={"type": "object"}))
    assert json.loads(as_json.texts[0]) == {"expression": "happiness"}
    for completion in (whole, few, as_json):
        assert parse(completion.texts[0], "expression", EXPRESSIONS).outcome is Outcome.OK


def test_labels_that_a_network_does_not_know_are_a_failure():
    completion = said(expressions(Fixed(1, 0, 0, 0, 0, 0, 0)), replace(ask(0), choices=("contempt", "other")))
    assert completion.error.kind == "labels"
    assert "neutral" in completion.error.message


def test_other_kinds_broken_pictures_and_several_pictures_are_failures():
    one = expressions(Fixed(1, 0, 0, 0, 0, 0, 0))
    assert said(one, ask(0, task="t_va")).error.kind == "kind"
    assert said(one, ask(0, data=b"no picture")).error.kind == "image"
    double = ask(0)
    parts = double.messages[0].parts
    assert (
        said(one, replace(double, messages=(replace(double.messages[0], parts=parts[:1] * 2),))).error.kind == "image"
    )
    assert said(one, ask(1)).texts == ("neutral",), "the others go on"


def test_the_part_of_the_picture_that_is_shown():
    pixels = np.zeros((200, 100, 3), dtype=np.uint8)
    pixels[100:, :, 0] = 255  # red below
    pixels[:, 75:, 1] = 255  # green at the right edge
    network = Fixed(1, 0, 0, 0, 0, 0, 0)
    said(expressions(network, crop=0.5, middle=0.25), ask(0, data=png(pixels)))
    assert network.seen.shape == (8, 8, 3)
    assert not network.seen[:, 1:-1].any()
    assert (square(png(pixels), 0.5, 0.75, 8)[:, :, 0] == 255).all()
    whole = square(png(pixels), 1.0, 0.5, 8)
    assert whole[1, 1, 0] == 0
    assert whole[6, 1, 0] == 255
    assert whole[0, 7, 1] == 255
    for middle, red in ((0.0, 0), (1.0, 255)):  # moved in where it would stick out
        edge = square(png(pixels), 1.0, middle, 8)[:, 0, 0].astype(int)
        assert (abs(edge - red) < 30).all(), "scaling mixes in a little of what lies beyond"


def test_active_units_are_named_in_the_form_asked_for():
    found = dict.fromkeys(AUS, 0.0) | {4: 0.3, 12: 0.9, 25: 0.5}
    question = replace(ask(0, task="t_au"), choices=tuple(map(str, FEAB_17)))
    assert said(units(found), question).texts == ("AU12, AU25",)
    assert said(units(found, thresholds={4: 0.3, 25: 0.6}), question).texts == ("AU4, AU12",)
    assert said(units(found, thresholds={4: 0.3, 25: 0.6}, threshold=0.95), question).texts == ("none",)
    as_json = said(units(found), replace(question, schema={"type": "object"}))
    assert json.loads(as_json.texts[0]) == {"action_units": [12, 25]}
    assert as_json.probabilities is None
    some = said(units(found), replace(question, choices=("12", "4", "99")))
    assert parse(some.texts[0], "action_units", ("4", "12")).value == frozenset({12})


def test_a_picture_without_a_face_has_no_answer():
    completion = said(units(None), ask(0, task="t_au"))
    assert completion.texts == (NO_FACE,)
    assert parse(NO_FACE, "action_units", ("1", "4", "12")).outcome is Outcome.UNPARSABLE


def test_activity_takes_the_stronger_side_and_measures_the_lips():
    scores = {shape: 0.1 for shapes in SHAPES.values() for shape in shapes} | {"mouthSmileRight": 0.7}
    points = [(0.0, 0.0)] * 478
    points[13], points[14], points[468], points[473] = (50.0, 80.0), (50.0, 86.0), (30.0, 40.0), (70.0, 70.0)
    found = activity(scores, points)
    assert set(found) == set(FEAB_17)
    assert found[12] == 0.7
    assert found[6] == 0.1
    assert found[25] == pytest.approx(6 / 50)
    assert activity(scores, [(0.0, 0.0)] * 478)[25] == 0.0


def test_grey_is_opencvs():
    pixels = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [12, 200, 77]]], dtype=np.uint8)
    wanted = np.round(pixels @ np.array([0.299, 0.587, 0.114])) / 255
    assert grey(pixels) == pytest.approx(wanted)
    assert grey(pixels).dtype == np.float32


@pytest.mark.parametrize(
    ("name", "args", "field"),
    [
        ("fer", {"crop": "2"}, "crop"),
        ("facex", {"middle": "-1"}, "middle"),
        ("face-api", {"colour": "red"}, "colour"),
        ("mediapipe-blendshapes", {"threshold": "many"}, "threshold"),
        ("mediapipe-blendshapes", {"thresholds": {"13": 0.2}}, "AU 13"),
    ],
)
def test_arguments_are_checked_before_the_weights(name, args, field):
    with pytest.raises(FeabError, match=field):
        load_model(f"baseline/{name}", **args)


def test_a_task_that_a_network_cannot_answer_is_refused_before_the_first_question(tmp_path):
    network = Fixed(1, 0, 0, 0, 0, 0, 0)
    with pytest.raises(
        FeabError, match=r"reads expression only.*synth_valence_arousal, synth_action_units; leave them"
    ):
        feab.run(expressions(network), "synth", limit=3, out=tmp_path / "run")
    assert not hasattr(network, "seen")
    assert not (tmp_path / "run").exists() or not list((tmp_path / "run").iterdir())
    with pytest.raises(FeabError, match="choose a task of that kind"):
        feab.run(units(None), "synth_expression", limit=3, out=tmp_path / "run")
    run = feab.run(expressions(network), "synth_expression", limit=16, out=tmp_path / "run")
    assert run.complete
    assert run.manifest.outcomes.ok == 16


def test_ask_refuses_what_a_network_cannot_answer(tmp_path):
    from feab.runs.pictures import ask_about

    (tmp_path / "face.png").write_bytes(png(np.zeros((20, 20, 3), dtype=np.uint8)))
    with pytest.raises(FeabError, match="reads expression only"):
        ask_about(expressions(Fixed(1, 0, 0, 0, 0, 0, 0)), [tmp_path / "face.png"])


# The real networks, where their weights are


@pytest.fixture(scope="module")
def strong():
    """Rendered faces that display an expression strongly, five of each."""
    found = {}
    for sample in load_dataset("synth"):
        if sample.expression and sample.extra.get("strength", "strong") == "strong":
            found.setdefault(sample.expression, []).append(sample)
    return [sample for label in SEVEN for sample in found[label][:5]]


@pytest.mark.parametrize("name", ["face-api", "fer", "facex"])
def test_an_expression_network_reads_rendered_faces(name, strong):
    with_weights = loaded(name)
    assert with_weights.info.kinds == ("expression",)
    questions = [replace(ask(face.id, data=face.media.read()), choices=EXPRESSIONS) for face in strong]
    first = [(one.texts, dict(one.probabilities)) for one in with_weights.generate(questions)]
    again = [(one.texts, dict(one.probabilities)) for one in with_weights.generate(questions)]
    assert first == again, "the same picture, the same answer"
    right = sum(texts[0] == face.expression for (texts, _), face in zip(first, strong, strict=True))
    assert right >= 9, "of 35; by chance five"
    for texts, probabilities in first:
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-3)
        assert max(probabilities, key=probabilities.get) == texts[0]
    with_weights.close()


def test_blendshapes_read_rendered_faces():
    with_weights = loaded("mediapipe-blendshapes")
    faces = [face for face, _ in zip(load_dataset("synth"), range(24), strict=False)]
    questions = [
        replace(ask(face.id, task="t_au", data=face.media.read()), choices=tuple(map(str, FEAB_17))) for face in faces
    ]
    answers = [parse(one.texts[0], "action_units", None).value for one in with_weights.generate(questions)]
    for au, least in ((25, 20), (26, 18), (12, 15)):
        coded = [
            (au in answer, face.au_presence[au])
            for answer, face in zip(answers, faces, strict=True)
            if au in face.au_presence
        ]
        assert sum(read == (there == 1) for read, there in coded) >= least * len(coded) / 24
    nothing = replace(questions[0], messages=ask(0, data=png(np.full((99, 99, 3), 128, np.uint8))).messages)
    assert next(iter(with_weights.generate([nothing]))).texts == (NO_FACE,)
    with_weights.close()
    with_weights.close()


def test_every_package_has_a_network_and_a_card():
    from feab.models import list_models

    assert set(PACKAGES) == set(NETWORKS)
    assert {f"baseline/{name}" for name in NETWORKS} <= {card.name for card in list_models()}
