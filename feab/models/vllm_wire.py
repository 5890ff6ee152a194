"""A question as vLLM takes it, and what vLLM gives back as a completion."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from feab.models.first_token import TOP_LOGPROBS, applies, label_probabilities
from feab.models.seeds import derived_seed
from feab.models.vllm_options import VllmOptions
from feab.records import SHORT_ANSWER, Completion, Failure, FinishReason, Message, Question, Text, Usage

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_LEAST = -9999.0
"""Stands for a probability of zero, as in what vLLM's server sends."""

_FINISH: Mapping[str, FinishReason] = {"stop": "stop", "length": "length"}


def conversation(messages: Sequence[Message], pictures: Sequence[tuple[str, Picture]]) -> list[dict[str, Any]]:
    """The messages in the form of OpenAI's API, with decoded pictures.

    `pictures`: (name, picture) in the order of the messages. Pictures of one name must be equal: vLLM prepares the
    second no more.
    """
    waiting = iter(pictures)
    turns = []
    for message in messages:
        content: list[dict[str, Any]] = []
        for part in message.parts:
            if isinstance(part, Text):
                content.append({"type": "text", "text": part.text})
            else:
                name, picture = next(waiting)
                content.append({"type": "image_pil", "image_pil": picture, "uuid": name})
        turns.append({"role": message.role, "content": content})
    return turns


def sampling(question: Question, options: VllmOptions) -> dict[str, Any]:
    """Arguments of `vllm.SamplingParams`; under `structured_outputs`, those of `vllm`'s class of that name.

    Greedy draws are all the same: one stands for them. Of several others vLLM seeds each with the number after the one
    before, so that the same draw comes out again when a run is resumed.
    """
    asked = question.sampling
    given: dict[str, Any] = {
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "max_tokens": options.max_new_tokens or asked.max_tokens,
    }
    if asked.temperature > 0:
        first = derived_seed(asked.seed, *question.key) >> 8  # far enough below 2**63 for any number of draws
        given |= {"n": question.n, "seed": first + question.first_draw}
    if options.logprobs and applies(question):
        given["logprobs"] = TOP_LOGPROBS
    form = answer_form(question) if options.structured else None
    if form is not None:
        given["structured_outputs"] = form
    return given


def answer_form(question: Question) -> dict[str, Any] | None:
    """What an answer may look like: a JSON schema, one of the labels, or numbers of units; None where it is open.

    A prompt with room to reason is not held to the labels unless it asks for JSON.
    """
    if question.schema is not None:
        return {"json": dict(question.schema)}
    if not question.choices or question.sampling.max_tokens > SHORT_ANSWER:
        return None
    if question.kind == "expression":
        return {"choice": list(question.choices)}
    one = f"({'|'.join(map(re.escape, question.choices))})"
    return {"regex": f"none|{one}(, {one}){{0,{len(question.choices) - 1}}}"}


def completion(question: Question, output: Any, latency_s: float | None = None) -> Completion:
    """What a finished `vllm.RequestOutput` means: texts of all draws, or an error where the engine gave one up."""
    drawn = list(output.outputs)
    for one in drawn:
        if one.finish_reason not in _FINISH:
            failure = Failure("engine", f"vLLM gave the answer up ({one.finish_reason})")
            return Completion(question, error=failure, latency_s=latency_s)
    tokens = sum(len(one.token_ids) for one in drawn)
    found = None
    if drawn[0].logprobs:
        # The model's own, before temperature; with structured outputs, among the tokens that may begin an answer.
        first = [(one.decoded_token or "", max(one.logprob, _LEAST)) for one in drawn[0].logprobs[0].values()]
        found = label_probabilities(question, drawn[0].text, first)
    if len(drawn) != question.n:
        drawn = [drawn[0]] * question.n
    return Completion(
        question,
        texts=tuple(one.text for one in drawn),
        finish_reasons=tuple(_FINISH[one.finish_reason] for one in drawn),
        usage=Usage(len(output.prompt_token_ids or ()), tokens),
        latency_s=latency_s,
        probabilities=found,
    )
