"""What passes between rooms: frozen records, no behaviour beyond their own fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from feab.vocabulary import Kind


class Outcome(str, Enum):
    """What became of one question: only `OK` carries a value, and `ERROR` is a failure, never an answer."""

    OK = "ok"
    UNPARSABLE = "unparsable"
    REFUSED = "refused"
    TRUNCATED = "truncated"
    ERROR = "error"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Media:
    """An image as it was stored: encoded bytes, or a path to them. Never decoded early."""

    data: bytes | None = None
    path: str | None = None

    def read(self) -> bytes:
        """The encoded bytes. Raises `OSError` when the file cannot be read."""
        if self.data is not None:
            return self.data
        if self.path is None:
            raise OSError("this media has neither bytes nor a path")
        with open(self.path, "rb") as file:  # noqa: PTH123
            return file.read()


@dataclass(frozen=True, slots=True)
class Sample:
    """A face image (or clip) with its human or rule-derived labels.

    None, or a missing AU, means "not labelled", never absence. `valence` and `arousal` lie in [-1, 1]; `au_presence`
    holds 0.0 or 1.0, `au_intensity` 0 to 5 (FACS A to E = 1 to 5).
    """

    id: str
    media: Media
    """The picture; of a clip, the one that stands for it where only one can be shown."""
    frames: tuple[Media, ...] = ()
    """All pictures of a clip that is stored as such, in order."""
    clip: Media | None = None
    """The video file of a clip that is stored as one."""
    face: tuple[float, float, float, float] | None = None
    expression: str | None = None
    votes: tuple[float, ...] | None = None
    valence: float | None = None
    arousal: float | None = None
    au_presence: Mapping[int, float] = field(default_factory=lambda: MappingProxyType({}))
    au_intensity: Mapping[int, float] = field(default_factory=lambda: MappingProxyType({}))
    subject: str | None = None
    source: str | None = None
    age_group: str | None = None
    perceived_gender: str | None = None
    perceived_race: str | None = None
    ancestry_preset: str | None = None
    attributes_source: str | None = None
    extra: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Further columns of the dataset (on `synth`: strength, form, strata). Never shown to a model."""


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text in a message."""

    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """A picture in a message."""

    media: Media


Part: TypeAlias = Text | Image


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How answers are drawn. Temperature 0 is greedy decoding."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 64
    seed: int = 0


Scoring = Literal["generate", "choices", "yes-no"]
"""How an answer comes about: the model writes it, or the likeliest option of a closed set is taken (`choices`, and
`yes-no`, which asks for each action unit by itself); see `feab.tasks.choices`."""

SHORT_ANSWER = 64
"""Tokens: a prompt that allows more leaves room to reason, and only its end is an answer (our choice)."""


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to a closed question, in every spelling that counts for it."""

    name: str
    spellings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Closed:
    """A closed question: of its options one is the answer, and a model says how likely each is."""

    about: str
    """The number of the action unit; empty where the options are the task's own labels."""
    messages: tuple[Message, ...]
    options: tuple[Option, ...]
    ends: bool = False
    """Whether an answer must end with the option, and not only begin with it."""


@dataclass(frozen=True, slots=True)
class Question:
    """What one model is asked about one sample. It never carries the truth."""

    task: str
    sample: str
    prompt: str
    kind: Kind
    messages: tuple[Message, ...]
    choices: tuple[str, ...] = ()
    """Expression: the labels in the order shown. Action units: the AU numbers as text. VA: empty."""
    schema: Mapping[str, Any] | None = None
    """JSON schema of the answer, where the prompt asks for JSON."""
    n: int = 1
    first_draw: int = 0
    """Draw numbers asked for are first_draw .. first_draw + n - 1."""
    sampling: Sampling = Sampling()
    scoring: Scoring = "generate"
    closed: tuple[Closed, ...] = ()
    """Unless answers are generated: what is scored instead. Empty for what is to be generated all the same (VA, which
    has no closed set), and with scoring `choices` for action units, whose sets are around the answer generated."""
    times: tuple[float, ...] = ()
    """The pictures are frames of one clip: the second of each, counted from its start. Empty: they are not."""

    @property
    def key(self) -> tuple[str, str, str]:
        """(task, sample, prompt): with a draw number it names one line of predictions.jsonl."""
        return (self.task, self.sample, self.prompt)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens counted by the model or its server; None where unknown."""

    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no completion. `kind` is a short stable word (timeout, http_429, out_of_memory, image, ...)."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How likely a model finds one option of a closed question."""

    logprob: float
    """Natural log of the probability of the option in any of its spellings."""
    tokens: int
    """Of its likeliest spelling: `logprob / tokens` is the length-normalised log-likelihood."""


FinishReason = Literal["stop", "length", "content_filter", "refusal", "unknown"]


@dataclass(frozen=True, slots=True)
class Completion:
    """What came back for one question: one text per draw, or an error, never both."""

    question: Question
    texts: tuple[str, ...] = ()
    finish_reasons: tuple[FinishReason, ...] = ()
    usage: Usage = Usage()
    latency_s: float | None = None
    error: Failure | None = None
    probabilities: Mapping[str, float] | None = None
    """Where the model gives them. Expression: label -> probability, summing to at most 1. Action units: number as text
    -> probability that it is present, each for itself."""
    likelihoods: Mapping[str, Likelihood] | None = None
    """Unless answers are generated: option -> what `probabilities` come from; of action units "12 yes", "12 no", ..."""

    def __post_init__(self) -> None:
        if (self.error is None) == (not self.texts):
            raise ValueError("a completion has texts or an error, one of them")


AnswerValue: TypeAlias = str | tuple[float, float] | frozenset[int]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a text means: a label, (valence, arousal), or a set of AU numbers; None unless the outcome is ok."""

    value: AnswerValue | None
    outcome: Outcome
    span: tuple[int, int] | None = None
    """Where in the text the value was read: start and end offsets in characters."""
    ignored: frozenset[int] = frozenset()
    """AU numbers that were named as present but are not on the task's list."""
