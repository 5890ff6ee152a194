"""`mock/FILE`: answers from a script. The same door as a real model, for tests and demonstrations.

The script is YAML or JSON Lines. In YAML, `answers` is a list of rules and the first one that fits a question answers
it; in JSON Lines each line is a rule. A rule names what it fits (`task`, `sample`, `prompt`: shell patterns, `*` when
left out) and what comes back::

    answers:
      - {sample: "id07*", error: {kind: timeout, message: "no answer within 60 s"}, probability: 0.5}
      - {task: synth_expression, prompt: reason, text: "I cannot tell.", finish_reason: refusal}
      - {task: synth_expression, texts: [happiness, "Sadness."], pick: sample}
      - {text: "valence: 0.1, arousal: 0.2", delay_s: 0.01}

`probability` makes a rule fit only that share of questions, drawn from the seed and the question's key, so the same
question always meets the same fate; a question the rule passes over goes on to the next. With several `texts`, draw k
gets the k-th of them in turn (`pick: draw`, the default), or a sample gets one drawn for it (`pick: sample`).
"""

from __future__ import annotations

import fnmatch
import hashlib
import itertools
import json
import random
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from feab.errors import FeabError
from feab.models.cards import ModelCard, invalid
from feab.models.loading import parse_options
from feab.models.protocol import ModelInfo
from feab.models.seeds import fraction
from feab.records import Completion, Failure, FinishReason, Question, Text, Usage
from feab.yamlfile import parse_yaml, read_bytes

VERSION = "1"
SCRIPT_LIMIT = 64 * 1024 * 1024
"""Bytes a script may have."""

Pattern = Annotated[str, Field(min_length=1, max_length=200)]
Reply = Annotated[str, Field(max_length=100_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Trouble(_Strict):
    """A failure to answer."""

    kind: Annotated[str, Field(min_length=1, max_length=100)] = "mock"
    message: Annotated[str, Field(max_length=2000)] = "a failure written in the script"


class Rule(_Strict):
    """One rule of a script: what it fits, and what comes back."""

    task: Pattern = "*"
    sample: Pattern = "*"
    prompt: Pattern = "*"
    probability: Annotated[float, Field(ge=0, le=1)] = 1.0
    text: Reply | None = None
    texts: Annotated[list[Reply], Field(min_length=1, max_length=1000)] | None = None
    pick: Literal["draw", "sample"] = "draw"
    error: Trouble | None = None
    finish_reason: FinishReason = "stop"
    delay_s: Annotated[float, Field(ge=0, le=3600)] = 0.0
    probabilities: dict[str, Annotated[float, Field(ge=0, le=1)]] | None = None

    @model_validator(mode="after")
    def _one_outcome(self) -> Rule:
        if sum(given is not None for given in (self.text, self.texts, self.error)) != 1:
            raise ValueError("give exactly one of text, texts and error")
        return self

    @property
    def replies(self) -> Sequence[str]:
        """The texts to choose from; empty when the rule is a failure."""
        if self.text is not None:
            return (self.text,)
        return self.texts or ()


class _Script(_Strict):
    seed: int | None = None
    answers: Annotated[list[Rule], Field(max_length=200_000)]


class MockOptions(_Strict):
    """What `-M` takes."""

    seed: int | None = Field(None, description="seed of everything drawn; default: the script's, else the question's")
    delay_s: float = Field(0.0, ge=0, le=3600, description="seconds every question takes, beside the rule's own")
    error_rate: float = Field(0.0, ge=0, le=1, description="share of questions that fail, drawn by their key")
    error_kind: str = Field("mock", min_length=1, max_length=100, description="kind of those failures")
    look_ahead: int = Field(1, ge=1, le=10_000, description="questions pulled at a time, answered in shuffled order")


def options_of(rest: str) -> type[BaseModel]:
    """What `-M` takes for `mock/rest`.

    Raises:
        FeabError: when the script is not there, or wrong.
    """
    _read_script(Path(rest).expanduser())
    return MockOptions


def _read_script(path: Path) -> tuple[_Script, bytes]:
    """The script and the file's bytes."""
    data = read_bytes(path, SCRIPT_LIMIT)
    return _read_lines(data, path) if path.suffix == ".jsonl" else _read_yaml(data, path), data


def open_model(name: str, rest: str, args: Mapping[str, Any], card: ModelCard | None) -> MockModel:
    """The model behind `mock/rest`; see `feab.load_model`."""
    options = parse_options(MockOptions, args, "mock")
    path = Path(rest).expanduser()
    script, data = _read_script(path)
    digest = hashlib.sha256(data).hexdigest()
    seed = script.seed if options.seed is None else options.seed
    info = ModelInfo(
        name=name,
        adapter="mock",
        adapter_version=VERSION,
        revision=f"sha256:{digest[:16]}",
        args_that_change_answers={} if seed is None else {"seed": seed},
        parameters=card.parameters if card else None,
        details={"script": path.name, "rules": len(script.answers), **options.model_dump(exclude={"seed"})},
    )
    return MockModel(info, script.answers, options, seed)


def _read_yaml(data: bytes, path: Path) -> _Script:
    value = parse_yaml(data, path)
    try:
        return _Script.model_validate({"answers": value} if isinstance(value, list) else value)
    except ValidationError as error:
        raise FeabError(f"{path}: {invalid(error)}") from None


def _read_lines(data: bytes, path: Path) -> _Script:
    rules = []
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            rules.append(Rule.model_validate(json.loads(line)))
        except ValidationError as error:
            raise FeabError(f"{path}, line {number}: {invalid(error)}") from None
        except (ValueError, RecursionError):
            raise FeabError(f"{path}, line {number}: not a JSON object") from None
    return _Script(answers=rules)


@lru_cache(maxsize=4096)
def _pattern(glob: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(glob))


def _is_glob(text: str) -> bool:
    return any(sign in text for sign in "*?[")


def _matches(glob: str, value: str) -> bool:
    if _is_glob(glob):
        return glob == "*" or _pattern(glob).match(value) is not None
    return glob == value  # a script of a line a sample has too many names to make patterns of


def _fits(rule: Rule, question: Question) -> bool:
    wanted = ((rule.task, question.task), (rule.sample, question.sample), (rule.prompt, question.prompt))
    return all(_matches(glob, value) for glob, value in wanted)


@dataclass(frozen=True, slots=True)
class _Index:
    """Rules by the literal sample they name, so that a script of one line a sample is not searched from the top."""

    literal: Mapping[str, Sequence[tuple[int, Rule]]]
    general: Sequence[tuple[int, Rule]]

    @classmethod
    def of(cls, rules: Sequence[Rule]) -> _Index:
        literal: dict[str, list[tuple[int, Rule]]] = {}
        general = []
        for number, rule in enumerate(rules):
            if _is_glob(rule.sample):
                general.append((number, rule))
            else:
                literal.setdefault(rule.sample, []).append((number, rule))
        return cls(literal, general)

    def candidates(self, sample: str) -> list[tuple[int, Rule]]:
        return sorted([*self.literal.get(sample, ()), *self.general], key=lambda item: item[0])


class MockModel:
    """Answers from a script; deterministic in the script, the seed and the question."""

    def __init__(self, info: ModelInfo, rules: Sequence[Rule], options: MockOptions, seed: int | None) -> None:
        self.info = info
        self._index = _Index.of(rules)
        self._options = options
        self._seed = seed

    @property
    def name(self) -> str:
        """The model as the user named it."""
        return self.info.name

    def generate(self, questions: Iterable[Question]) -> Iterator[Completion]:
        """Answer by the first rule that fits; a question that no rule fits is an error of kind `no_rule`."""
        source = iter(questions)
        shuffle = random.Random(self._seed or 0)
        while window := list(itertools.islice(source, self._options.look_ahead)):
            shuffle.shuffle(window)
            for question in window:
                yield self._answer(question)

    def close(self) -> None:
        """Nothing to release."""

    def _answer(self, question: Question) -> Completion:
        start = time.perf_counter()
        if fraction(self._seed_of(question), "error", *question.key) < self._options.error_rate:
            _wait(self._options.delay_s)
            failure = Failure(self._options.error_kind, "a failure asked for by error_rate")
            return Completion(question, error=failure, latency_s=time.perf_counter() - start)
        rule = self._rule(question)
        _wait(self._options.delay_s + (rule.delay_s if rule else 0.0))
        latency = time.perf_counter() - start
        if rule is None:
            message = f"no rule of the script fits task {question.task}, sample {question.sample}"
            return Completion(question, error=Failure("no_rule", message), latency_s=latency)
        if rule.error is not None:
            return Completion(question, error=Failure(rule.error.kind, rule.error.message), latency_s=latency)
        texts = tuple(self._reply(rule, question, question.first_draw + i) for i in range(question.n))
        return Completion(
            question,
            texts=texts,
            finish_reasons=(rule.finish_reason,) * len(texts),
            usage=_words(question, texts),
            latency_s=latency,
            probabilities=rule.probabilities,
        )

    def _seed_of(self, question: Question) -> int:
        return question.sampling.seed if self._seed is None else self._seed

    def _rule(self, question: Question) -> Rule | None:
        seed = self._seed_of(question)
        for number, rule in self._index.candidates(question.sample):
            if _fits(rule, question) and fraction(seed, "rule", number, *question.key) < rule.probability:
                return rule
        return None

    def _reply(self, rule: Rule, question: Question, draw: int) -> str:
        replies = rule.replies
        if rule.pick == "draw":
            return replies[draw % len(replies)]
        return replies[int(fraction(self._seed_of(question), "pick", *question.key) * len(replies))]


def _wait(seconds: float) -> None:
    if seconds > 0:  # even sleep(0) gives the processor away, thousands of times in a run
        time.sleep(seconds)


def _words(question: Question, texts: Sequence[str]) -> Usage:
    """Words stand in for tokens, so that counts are never empty in a demonstration."""
    asked = sum(
        len(part.text.split()) for message in question.messages for part in message.parts if isinstance(part, Text)
    )
    return Usage(input_tokens=asked, output_tokens=sum(len(text.split()) for text in texts))
