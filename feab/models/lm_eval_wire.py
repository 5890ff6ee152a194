"""A question as one of lm-eval's own multimodal tasks would ask it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from feab.models.images import decode, pictures_of, read_media
from feab.records import Image, Question, Text

Family = Literal["api", "hf", "vllm"]
"""Whose class it is: one that sends chat requests, transformers on this machine, vLLM on this machine."""

MARKER = "<image>"
"""Where a picture stands in the text of a model that lm-eval loads itself. An API gets it beside the text."""


class PromptError(Exception):
    """A question that lm-eval's class would not ask as it stands."""


@dataclass(frozen=True, slots=True)
class Row:
    """One answer that is wanted: a draw of a question."""

    question: Question
    draw: int
    same: int = 1
    """Draws that this one stands for: greedy ones, of a model on this machine, are all the same."""


def rows_of(question: Question, family: Family) -> list[Row]:
    """The answers that a question wants."""
    if question.sampling.temperature == 0 and family != "api":
        return [Row(question, question.first_draw, question.n)]
    return [Row(question, question.first_draw + number) for number in range(question.n)]


def conversation(question: Question, family: Family, max_images: int) -> list[dict[str, str]]:
    """The messages as lm-eval's `apply_chat_template` takes them: text alone.

    Raises:
        PromptError: where the class would drop a picture or move it, or take words for one.
    """
    count = len(pictures_of(question))
    if count > max_images:
        raise PromptError(f"{count} images, where lm-eval's class keeps {max_images}; give -M max_images={count}")
    texts = [part.text for message in question.messages for part in message.parts if isinstance(part, Text)]
    if family != "api" and any(MARKER in text for text in texts):
        raise PromptError(f"its text holds {MARKER!r}, which lm-eval takes for a picture")
    if family == "api" and not _first_in_last(question):
        raise PromptError("lm-eval's chat classes put images before the text of the last message, and nowhere else")
    shown = MARKER if family != "api" else ""
    return [
        {
            "role": message.role,
            "content": "".join(part.text if isinstance(part, Text) else shown for part in message.parts),
        }
        for message in question.messages
    ]


def _first_in_last(question: Question) -> bool:
    """Whether all pictures come first in the last message."""
    *before, last = question.messages
    if any(isinstance(part, Image) for message in before for part in message.parts):
        return False
    kinds = [isinstance(part, Image) for part in last.parts]
    return kinds == sorted(kinds, reverse=True)


def visuals(question: Question) -> list[Any]:
    """Its pictures: upright, RGB.

    Raises:
        ImageError: when one cannot be read.
    """
    return [decode(data) for data in read_media(pictures_of(question))]


def generation(row: Row, family: Family, limit: int | None) -> Mapping[str, Any]:
    """lm-eval's `generation_kwargs`. No stop strings: the harness's default, two newlines, cuts reasoned answers."""
    sampling = row.question.sampling
    drawn = sampling.temperature > 0
    given: dict[str, Any] = {
        "until": [],
        "max_gen_toks": limit or sampling.max_tokens,
        "do_sample": drawn,
        "temperature": float(sampling.temperature),
    }
    if drawn and sampling.top_p != 1:
        given["top_p"] = sampling.top_p
    if family == "api":
        given["stop"] = None  # in place of an empty list, which some servers refuse
    if family == "hf" and drawn:
        given["top_k"] = 0  # else transformers' own 50
    if family == "api" or (family == "vllm" and drawn):
        # One for all questions of a draw: lm-eval works on those of equal arguments together.
        given["seed"] = (sampling.seed + row.draw) % 2**63
    return given
