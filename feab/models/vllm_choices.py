"""Scoring by choices in vLLM's engine: how likely it finds each option, as the end of a prompt that it only reads.

Each spelling of each option is a request of its own, of which the engine gives the log-probabilities of the prompt's
tokens. vLLM reads such a prompt anew, whatever its prefix cache holds, so an answer weighed costs about as many prompts
as there are spellings: 16 for eight labels, 18 for a list of 17 action units, 4 for each unit that is asked for alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from feab.models.choices import LEAST, chosen, likelihood
from feab.models.vllm_wire import conversation
from feab.records import Closed, Completion, Failure, Message, Question, Usage

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Ids = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What the engine is to read for a closed question: its prompt alone, or with an option's spelling after it."""

    messages: tuple[Message, ...]
    spelling: str | None
    ends: bool

    def conversation(self, pictures: Sequence[tuple[str, Picture]]) -> list[dict[str, Any]]:
        """The messages in the form of OpenAI's API, with decoded pictures; a spelling as the beginning of an answer."""
        turns = conversation(self.messages, pictures)
        if self.spelling is not None:
            turns.append({"role": "assistant", "content": [{"type": "text", "text": self.spelling}]})
        return turns

    def sampling(self, ends: Sequence[int]) -> dict[str, Any]:
        """Arguments of `vllm.SamplingParams`; `ends` are the tokens that end an answer."""
        given: dict[str, Any] = {"temperature": 0.0, "max_tokens": 1}
        if self.spelling is not None:
            given["prompt_logprobs"] = 0  # of no other tokens than the prompt's own
            if self.ends:
                given["logprob_token_ids"] = list(ends)
        return given


@dataclass(slots=True)
class Weighing:
    """A question whose options the engine is reading."""

    question: Question
    ends: Sequence[int]
    waiting: dict[Request, None] = field(default_factory=dict)
    """Requests that are not answered yet, in the order in which they are best asked."""
    failure: Failure | None = None
    prompts: dict[tuple[Message, ...], Ids] = field(default_factory=dict)
    read: dict[Request, tuple[Ids, list[float], float]] = field(default_factory=dict)
    """For each spelling: all tokens, their log-probabilities, and that of ending there."""
    tokens: int = 0
    since: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        for one in self.question.closed:
            self.waiting[Request(one.messages, None, False)] = None
            self.waiting |= dict.fromkeys(requests(one))

    def take(self, request: Request, output: Any) -> None:
        """Take in the engine's output for one request."""
        self.waiting.pop(request, None)
        ids = tuple(output.prompt_token_ids or ())
        self.tokens += len(ids)
        if request.spelling is None:
            self.prompts[request.messages] = ids
            return
        shown = output.prompt_logprobs
        if not shown or len(shown) != len(ids):
            self.failure = Failure("engine", "vLLM gave no log-probabilities of the prompt")
            return
        # The first token is no prediction: its entry is None.
        logprobs = [0.0 if of is None else max(of[token].logprob, LEAST) for token, of in zip(ids, shown, strict=True)]
        self.read[request] = (ids, logprobs, self._ending(output) if request.ends else 0.0)

    def _ending(self, output: Any) -> float:
        """The log-probability that the answer ends here, by any of the tokens that end one."""
        shown = output.outputs[0].logprobs
        of: Mapping[int, Any] = shown[0] if shown else {}
        given = [of[token].logprob for token in self.ends if token in of]
        return max(math.log(sum(map(math.exp, given))), LEAST) if any(one > LEAST for one in given) else LEAST

    def completion(self) -> Completion:
        """What all that was read comes to."""
        seconds = time.perf_counter() - self.since
        usage = Usage(self.tokens, 0)
        if self.failure is not None:
            return Completion(self.question, error=self.failure, usage=usage, latency_s=seconds)
        found = []
        for one in self.question.closed:
            scores = {}
            for request in requests(one):
                ids, logprobs, ending = self.read[request]
                prompt = self.prompts[one.messages]
                if ids[: len(prompt)] != prompt or len(ids) == len(prompt):
                    failure = Failure("prompt", "an option and the end of its prompt are no tokens of their own")
                    return Completion(self.question, error=failure, usage=usage, latency_s=seconds)
                own = logprobs[len(prompt) :]
                assert request.spelling is not None
                scores[request.spelling] = (sum(own) + ending, len(own) + request.ends)
            found.append({option.name: likelihood(option, scores) for option in one.options})
        return chosen(self.question, found, usage, seconds)


def requests(one: Closed) -> Iterator[Request]:
    """What is to be read for the options of a closed question."""
    return (Request(one.messages, spelling, one.ends) for option in one.options for spelling in option.spellings)
