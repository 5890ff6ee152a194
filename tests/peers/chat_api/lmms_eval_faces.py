"""The documents of lmms_eval_faces.yaml."""

from __future__ import annotations

from typing import Any

QUESTION = "Which expression does this face display? Answer with one word: neutral, happiness, sadness, anger."


def visual(doc: dict[str, Any]) -> list[Any]:
    return [doc["image"].convert("RGB")]


def text(doc: dict[str, Any], lmms_eval_specific_kwargs: Any = None) -> str:
    return QUESTION


def messages(doc: dict[str, Any], lmms_eval_specific_kwargs: Any = None) -> list[dict[str, Any]]:
    content = [{"type": "image", "url": picture} for picture in visual(doc)]
    return [{"role": "user", "content": [*content, {"type": "text", "text": QUESTION}]}]


def target(doc: dict[str, Any]) -> str:
    return str(doc["target"])


def results(doc: dict[str, Any], answers: list[str]) -> dict[str, float]:
    return {"exact_match": float(answers[0] == target(doc))}
