"""Annotating through a chat API on loopback: the same annotations as in process, with many questions under way.

So, too, of the study's simulated annotator: one seed of it is asked in process and behind a server.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from annotating import Says, Watched, load_dataset, quick, write_faces

from feab.data.annotations import read_annotations
from feab.generation.annotate import annotate
from feab.generation.human import human_labels
from feab.generation.profiles import profile
from feab.generation.record import LEVELS
from feab.generation.simulated import SimulatedModel
from feab.journal import read_predictions
from feab.knowledge import load_knowledge
from feab.records import Image, Question, Text

sys.path.insert(0, str(Path(__file__).parent.parent / "models"))

from chat_server import Reply, chat, chat_server

pytest.importorskip("openai")

NEW_CONTEXTS = {"unlabelled": 1.0, "provisional": 1.0, "most_contexts": 6, "price": 0.0}


def said(picture: bytes, words: str) -> str:
    """What a stand-in for a VLLM says: it depends on the picture and on how it is asked."""
    mark = hashlib.sha256(picture + words.encode()).digest()
    if '"answer"' in words:
        return json.dumps({"answer": ["present", "absent", "fits", "too low"][mark[0] % 4]})
    units = [au for au, byte in zip((1, 4, 6, 12, 25), mark[2:], strict=False) if byte < 100]
    return json.dumps({"valence": mark[0] / 255, "arousal": -mark[1] / 255, "action_units": units})


def in_process(question: Question, draw: int) -> str:
    (message,) = question.messages
    picture = next(part.media.read() for part in message.parts if isinstance(part, Image))
    return said(picture, next(part.text for part in message.parts if isinstance(part, Text)))


class Served:
    """The same behind a chat API, which now and then fails for a moment, and counts what is under way."""

    def __init__(self) -> None:
        self.under_way = self.most = 0
        self.lock = threading.Lock()

    def __call__(self, body: dict[str, Any], number: int) -> Any:
        with self.lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        try:
            time.sleep(0.005)
            if number % 17 == 5:
                return Reply({"error": {"message": "busy"}}, status=503, headers={"Retry-After": "0"})
            parts = body["messages"][0]["content"]
            url = next(part["image_url"]["url"] for part in parts if part["type"] == "image_url")
            picture = base64.b64decode(url.partition("base64,")[2])
            return chat(said(picture, next(part["text"] for part in parts if part["type"] == "text")))
        finally:
            with self.lock:
                self.under_way -= 1


def test_a_server_gives_what_the_same_model_gives_in_process(tmp_path: Path) -> None:
    faces = load_dataset(str(write_faces(tmp_path / "made", 4)))
    recipe = quick(calibration={"faces": 0, "per_expression": 0}, stopping=NEW_CONTEXTS)
    inside = annotate(Says(in_process), faces, recipe, out=tmp_path / "inside", given=["expression"])
    served = Served()
    with chat_server(served) as server:
        outside = annotate(
            "openai/stand-in",
            faces,
            recipe,
            out=tmp_path / "outside",
            given=["expression"],
            base_url=server.url,
            concurrency=8,
        )
    assert inside.complete
    assert outside.complete
    assert list(read_annotations(outside.file)) == list(read_annotations(inside.file))
    there, here = ({p.key: p.text for p in read_predictions(one.path / "draws.jsonl")} for one in (inside, outside))
    assert there == here
    answered = len(here)
    assert outside.manifest.expected == answered
    assert outside.manifest.input_tokens == 10 * answered
    assert len(server.bodies) >= answered  # and one more for each that had to be tried again
    assert served.most > 4
    assert outside.manifest.counts.draws > 4 * len(faces)  # further rounds were asked


Heard = tuple[bytes, str]
"""What a server gets of a question: the picture, and the words."""


def heard(question: Question) -> Heard:
    (message,) = question.messages
    picture = next(part.media.read() for part in message.parts if isinstance(part, Image))
    return picture, next(part.text for part in message.parts if isinstance(part, Text))


class Simulated:
    """A chat API that serves a simulated annotator: it tells questions by their pictures and words."""

    def __init__(self, model: SimulatedModel, asked: list[Question], seed: int) -> None:
        self.model, self.seed = model, seed
        self.known: dict[Heard, Question] = {}
        for question in asked:
            there = self.known.setdefault(heard(question), question)
            assert there.prompt == question.prompt, "two contexts with the same words"

    def __call__(self, body: dict[str, Any], number: int) -> Any:
        parts = body["messages"][0]["content"]
        url = next(part["image_url"]["url"] for part in parts if part["type"] == "image_url")
        words = next(part["text"] for part in parts if part["type"] == "text")
        question = self.known[base64.b64decode(url.partition("base64,")[2]), words]
        assert body["response_format"]["json_schema"]["schema"] == question.schema
        first = body["seed"] - self.seed
        return chat(*(self.model.answer(question, first + k) for k in range(body.get("n", 1))))


def test_a_seed_of_the_simulated_annotator_is_the_same_behind_a_server(tmp_path: Path) -> None:
    faces = load_dataset(str(write_faces(tmp_path / "made", 8)))
    labels = human_labels(faces)
    truths = {sample: labels.given(row, LEVELS) for row, sample in enumerate(faces.ids)}
    model = SimulatedModel(truths, profile("middling", load_knowledge(), halo=0.3), seed=1)
    asks = {"least_labelled": 10, "folds": 2, "target_error": 0.5, "most_contexts": 4, "most_knowledge": 0.5}
    recipe = quick(seed=1, stopping=asks)
    watched = Watched(model)
    inside = annotate(watched, faces, recipe, out=tmp_path / "inside", given=["action_units"])
    with chat_server(Simulated(model, watched.questions, recipe.seed)) as server:
        outside = annotate(
            "openai/simulated", faces, recipe, out=tmp_path / "outside", given=["action_units"], base_url=server.url
        )
    assert outside.file.read_bytes() == inside.file.read_bytes()
    there, here = ({p.key: p.text for p in read_predictions(one.path / "draws.jsonl")} for one in (inside, outside))
    assert there == here
    assert inside.manifest.counts == outside.manifest.counts
    assert {prompt[0] for *_, prompt, _ in here} == {"c", "v"}  # verdicts are served, too
    assert any(line.expression and line.expression.source == "generated" for line in read_annotations(inside.file))
