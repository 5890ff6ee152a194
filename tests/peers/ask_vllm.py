"""Questions for a real vLLM engine that a run of the shipped tasks does not have; run by test_vllm.py.

    python tests/peers/ask_vllm.py CHECKPOINT

Prints one JSON line a completion, in the order they came: which of the batches below, key, first draw, texts, error
kind, probabilities, tokens.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice

import feab
from feab.models import Model
from feab.records import Image, Media, Message, Question, Sampling, Text
from feab.runs.parts import plan

FACES, DRAWS = 20, 3


def drawn() -> list[Question]:
    """Several draws of each face, as text and as JSON."""
    return [
        question
        for part in plan("synth", limit=FACES, prompts=["direct", "json"])
        for question in part.task.questions(part.samples, part.prompts, draws=DRAWS, sampling=Sampling(temperature=1.0))
    ]


def broken(question: Question) -> list[Question]:
    """One without a picture in its file, one too long, and between them one that is all right."""
    picture, words = question.messages[0].parts
    no_picture = Message("user", (Image(Media(data=b"not a picture")), words))
    too_long = Message("user", (picture, Text("happy " * 3000)))
    return [
        replace(question, sample="no-picture", messages=(no_picture,)),
        question,
        replace(question, sample="too-long", messages=(too_long,)),
    ]


def tell(batch: str, model: Model, questions: Iterable[Question], most: int | None = None) -> None:
    stream = model.generate(questions)
    for one in islice(stream, most):
        line = {
            "batch": batch,
            "key": one.question.key,
            "first_draw": one.question.first_draw,
            "texts": one.texts,
            "error": one.error and one.error.kind,
            "probabilities": one.probabilities,
            "tokens": [one.usage.input_tokens, one.usage.output_tokens],
        }
        sys.stdout.write(json.dumps(line) + "\n")
    stream.close()


def main(checkpoint: str) -> None:
    arguments = {"dtype": "float32", "model_impl": "transformers", "max_model_len": 512, "enforce_eager": True}
    model = feab.load_model(f"vllm/{checkpoint}", logprobs=True, structured=True, chunk=64, **arguments)
    questions = drawn()
    tell("broken", model, broken(questions[0]))
    tell("left", model, questions, most=5)  # and the rest dropped
    tell("drawn", model, questions)
    tell("resumed", model, [replace(one, first_draw=DRAWS - 1, n=1) for one in questions])
    greedy = [replace(one, sampling=replace(one.sampling, temperature=0.0)) for one in questions]
    tell("greedy", model, greedy)
    model.close()


if __name__ == "__main__":  # vLLM starts processes that import this file
    main(sys.argv[1])
