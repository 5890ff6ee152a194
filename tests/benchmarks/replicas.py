"""What replicas cost and bring: the time they add to a question, and what two of a model bring over one.

A mock model that answers at once shows what handing a picture of 5 kB over and the answer back takes; one that takes
50 ms a question shows how near two replicas come to twice the speed of the model by itself.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from feab.models import Model, load_model
from feab.models.wrappers import load_replicas
from feab.records import Image, Media, Message, Question, Text


def questions(count: int) -> Iterator[Question]:
    for number in range(count):
        parts = (Image(Media(data=number.to_bytes(8, "big") * 640)), Text("Which expression does this face display?"))
        yield Question("t", f"s{number}", "direct", "expression", (Message("user", parts),), choices=("happiness",))


def seconds(model: Model, count: int) -> float:
    start = time.perf_counter()
    assert len({completion.question.sample for completion in model.generate(questions(count))}) == count
    return time.perf_counter() - start


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "answers.yaml"
        script.write_text("answers:\n  - {text: happiness}\n")
        name = f"mock/{script}"
        start = time.perf_counter()
        pool = load_replicas(name, 2)
        print(f"two replicas of a mock are there after {time.perf_counter() - start:.1f} s, Ray's start included")
        seconds(pool, 200)
        alone, together = seconds(load_model(name), 2000), seconds(pool, 2000)
        pool.close()
        print(f"an instant model: {alone / 2:.3f} ms a question by itself, {together / 2:.3f} ms in two replicas")
        slow = load_model(name, delay_s=0.05)
        pool = load_replicas(name, 2, args={"delay_s": 0.05})
        alone, together = seconds(slow, 60), seconds(pool, 120)
        pool.close()
        print(
            f"a model of 50 ms a question: {60 / alone:.1f}/s by itself, {120 / together:.1f}/s in two replicas "
            f"(× {120 / together / (60 / alone):.2f})"
        )


if __name__ == "__main__":
    main()
