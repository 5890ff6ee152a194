"""Annotating through a chat API on loopback: the same annotations as in process, with many questions under way."""

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
from annotating import Says, load_dataset, quick, write_faces

from feab.data.annotations import read_annotations
from feab.generation.annotate import annotate
from feab.journal import read_predictions
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
