"""The faces of the chat API benchmark as a task of inspect, to be run in the folder that holds `files`."""

from __future__ import annotations

from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageUser, ContentImage, ContentText
from inspect_ai.scorer import exact

QUESTION = "Which expression does this face display? Answer with one word: neutral, happiness, sadness, anger."


@task
def faces() -> Task:
    samples = [
        Sample(
            id=path.stem,
            input=[ChatMessageUser(content=[ContentImage(image=str(path)), ContentText(text=QUESTION)])],
            target="happiness",
        )
        for path in sorted(Path("files").resolve().glob("*.jpg"))
    ]
    return Task(dataset=MemoryDataset(samples), scorer=exact())
