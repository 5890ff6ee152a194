"""A simulated VLLM that answers SEKE's questions in words, so that a whole study runs without one.

It knows what its faces show from a mapping that it is given when it is made, never from a question. The same question
always gets the same answer: what it tends to say of a face follows from (seed, sample), of a context from (seed,
sample, prompt), and an answer from those and the number of the draw. It behaves the same behind a server.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from feab.generation.annotator import Annotator, Leanings, Said, Truths, simulate
from feab.generation.asked import FITS, PRESENT, TOO_HIGH, TOO_LOW, levels_asked, read_prompt
from feab.generation.drawn import Answers
from feab.generation.profiles import profile, profiles
from feab.knowledge import Given
from feab.models.protocol import ModelInfo
from feab.models.seeds import derived_seed, fraction
from feab.records import Completion, Failure, FinishReason, Question, Usage
from feab.tasks.task import AXES
from feab.vocabulary import EXPRESSIONS

__all__ = ["Annotator", "Answers", "SimulatedModel", "Truths", "profile", "profiles", "simulate"]

VERSION = "1"

_REFUSAL = "I'm sorry, but I can't help with describing this person."


class SimulatedModel:
    """A model (`feab.models.Model`) with the errors of an `Annotator`."""

    def __init__(self, truths: Mapping[str, Given], annotator: Annotator, *, seed: int = 0, name: str = "simulated"):
        self.info = ModelInfo(
            name=name,
            adapter="simulated",
            adapter_version=VERSION,
            args_that_change_answers={"seed": seed},
            parameters=0,
        )
        self._truths = truths
        self._annotator = annotator
        self._seed = seed

    @property
    def name(self) -> str:
        """As it was made."""
        return self.info.name

    def generate(self, questions: Iterable[Question]) -> Iterator[Completion]:
        """Answer in the order asked. A face that it was not given is an error of kind `unknown_face`."""
        for question in questions:
            if question.sample not in self._truths:
                message = f"the simulated annotator was not given {question.sample}"
                yield Completion(question, error=Failure("unknown_face", message), latency_s=0.0)
                continue
            draws = range(question.first_draw, question.first_draw + question.n)
            texts = tuple(self.answer(question, draw) for draw in draws)
            stop: FinishReason = "stop"
            yield Completion(question, texts, (stop,) * len(texts), Usage(0, 0), latency_s=0.0)

    def close(self) -> None:
        """Nothing to release."""

    def answer(self, question: Question, draw: int) -> str:
        """The text of one draw."""
        prompt = read_prompt(question.prompt)
        properties = (question.schema or {}).get("properties", {})
        if not isinstance(prompt, int):
            return self._verdict(question, *prompt, properties.get("answer", {}).get("enum", ()), draw)
        said = self._said(question, draw, told="expression" not in levels_asked(question))
        if said.expression[0] < 0:
            return _REFUSAL
        answer = {name: self._field(said, name, properties[name]) for name in properties}
        return _worded(answer, fraction("form", self._seed, *question.key, draw))

    def _said(self, question: Question, draw: int, told: bool) -> Said:
        """What it says; an expression that is not asked for is one that it was told."""
        truth = Truths.of([self._truths[question.sample]], self._annotator.aus)
        leaning = self._leaning(question, truth)
        return self._annotator.draw(leaning, self._rng("draw", *question.key, draw), truth.expression if told else None)

    def _leaning(self, question: Question, truth: Truths) -> Leanings:
        face = self._annotator.of_faces(truth, self._rng("face", question.sample))
        return self._annotator.in_context(face, self._rng("context", *question.key))

    def _field(self, said: Said, name: str, schema: Mapping[str, Any]) -> Any:
        if name == "expression":
            return EXPRESSIONS[said.expression[0]]
        if name in AXES:
            return float(said.affect[0, AXES.index(name)])
        wanted = schema.get("items", {}).get("enum", self._annotator.aus)
        named = {au for au, there in zip(self._annotator.aus, said.units[0], strict=True) if there}
        return [au for au in wanted if au in named]

    def _verdict(self, question: Question, about: str, candidate: str, options: Sequence[str], draw: int) -> str:
        truth, rng = self._truths[question.sample], self._rng("verdict", *question.key, draw)
        if about in AXES:
            shown = truth.valence if about == "valence" else truth.arousal
            ruling = self._annotator.rules(np.array([(shown or 0.0) - float(candidate)]), rng)[0]
            return _worded({"answer": (FITS, TOO_LOW, TOO_HIGH)[ruling]}, 0.0)
        if about == "expression":
            right = candidate == truth.expression
        else:
            right = (candidate == PRESENT) == bool(truth.action_units.get(int(about), False))
        if self._annotator.confirms(np.array([right]), rng)[0]:
            return _worded({"answer": candidate}, 0.0)
        others = sorted(option for option in options if option != candidate)
        return _worded({"answer": others[int(rng.integers(len(others)))]}, 0.0)

    def _rng(self, *parts: object) -> np.random.Generator:
        return np.random.default_rng(derived_seed("simulated", self._seed, *parts))


def _worded(answer: Mapping[str, Any], chance: float) -> str:
    """JSON, as models write it: mostly bare, else fenced, or behind a sentence."""
    text = json.dumps(answer)
    if chance < 0.7:
        return text
    return f"```json\n{text}\n```" if chance < 0.85 else f"Here is the annotation of the face:\n\n{text}"
