"""`baseline/…`: players without eyes. What a model scores above them, it has seen. (Those with eyes: `networks/`.)

* `uniform` draws every answer evenly: a label of the list, valence and arousal from [-1, 1], each AU by a coin.
* `majority` always gives the training split's commonest expression, its mean valence and arousal, and the AUs that
  more than half of it displays.
* `always-active` does the same but names every AU, which is what an F1 score rewards.

They answer in words, and their words go through the same parser as any model's. The constants stand in their cards.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from feab.errors import FeabError
from feab.models.cards import ModelCard
from feab.models.loading import parse_options
from feab.models.networks.model import NETWORKS, open_network
from feab.models.protocol import Model, ModelInfo
from feab.models.seeds import derived_seed
from feab.records import Completion, FinishReason, Question, Usage
from feab.vocabulary import ACTION_UNITS, EXPRESSIONS, canonical_label

VERSION = "1"

Axis = Annotated[float, Field(ge=-1, le=1)]


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class UniformOptions(_Options):
    """What `baseline/uniform` takes."""

    seed: int | None = Field(None, description="seed of every answer, with the sample's id; default: the question's")


class ConstantOptions(_Options):
    """What `baseline/majority` and `baseline/always-active` take; the cards give the training split's values."""

    expressions: tuple[str, ...] = Field(
        EXPRESSIONS, min_length=1, description="labels, commonest first; the first that the task offers is the answer"
    )
    valence: Axis = Field(0.0, description="the valence always answered, in [-1, 1]")
    arousal: Axis = Field(0.0, description="the arousal always answered, in [-1, 1]")
    action_units: tuple[int, ...] = Field((), description="the AUs always answered (unused by always-active)")

    @field_validator("expressions", mode="before")
    @classmethod
    def _labels(cls, value: Any) -> Any:
        words = value.split(",") if isinstance(value, str) else value
        try:
            return tuple(canonical_label(word) for word in words)
        except FeabError as error:
            raise ValueError(str(error)) from None
        except (TypeError, AttributeError):
            raise ValueError("a list of expression labels") from None

    @field_validator("action_units", mode="before")
    @classmethod
    def _numbers(cls, value: Any) -> Any:
        if isinstance(value, int):
            return (value,)
        return tuple(word for word in value.split(",") if word.strip()) if isinstance(value, str) else value

    @field_validator("action_units")
    @classmethod
    def _known(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        unknown = sorted(set(value) - set(ACTION_UNITS))
        if unknown:
            raise ValueError(f"not FEAB-17 action units: {', '.join(map(str, unknown))}")
        return tuple(sorted(set(value)))


def options_of(rest: str) -> type[BaseModel]:
    """What `-M` takes for `baseline/rest`.

    Raises:
        FeabError: for an unknown baseline.
    """
    found = _PLAYERS.get(rest) or NETWORKS.get(rest)
    if found is None:
        known = ", ".join(f"baseline/{word}" for word in (*_PLAYERS, *NETWORKS))
        raise FeabError(f"unknown baseline {rest!r}; known are {known}")
    return found[0]


def open_model(name: str, rest: str, args: Mapping[str, Any], card: ModelCard | None) -> Model:
    """The model behind `baseline/rest`; see `feab.load_model`."""
    options = options_of(rest)
    if rest in NETWORKS:
        return open_network(name, rest, args, card)
    given = parse_options(options, args, f"baseline/{rest}")
    player = _PLAYERS[rest][1]
    info = ModelInfo(
        name=name,
        adapter="baseline",
        adapter_version=VERSION,
        revision=card.revision if card else None,
        args_that_change_answers=given.model_dump(mode="json", exclude_none=True),
        parameters=0,
    )
    return BaselineModel(info, player, given)


class BaselineModel:
    """Answers without looking."""

    def __init__(self, info: ModelInfo, player: Callable[[Question, Any, int], str], options: BaseModel) -> None:
        self.info = info
        self._player = player
        self._options = options

    @property
    def name(self) -> str:
        """The model as the user named it."""
        return self.info.name

    def generate(self, questions: Iterable[Question]) -> Iterator[Completion]:
        """Answer in the order asked, one question at a time."""
        for question in questions:
            draws = range(question.first_draw, question.first_draw + question.n)
            texts = tuple(self._player(question, self._options, draw) for draw in draws)
            stop: FinishReason = "stop"
            yield Completion(
                question, texts, (stop,) * len(texts), Usage(input_tokens=0, output_tokens=0), latency_s=0.0
            )

    def close(self) -> None:
        """Nothing to release."""


def _uniform(question: Question, options: UniformOptions, draw: int) -> str:
    seed = question.sampling.seed if options.seed is None else options.seed
    rng = random.Random(derived_seed(seed, question.task, question.sample, draw))
    if question.kind == "expression":
        return rng.choice(sorted(question.choices))
    if question.kind == "valence_arousal":
        return _axes(rng.uniform(-1, 1), rng.uniform(-1, 1))
    return _units([int(unit) for unit in sorted(question.choices, key=int) if rng.random() < 0.5])


def _majority(question: Question, options: ConstantOptions, _draw: int) -> str:
    return _constant(question, options, [unit for unit in question.choices if unit in map(str, options.action_units)])


def _always_active(question: Question, options: ConstantOptions, _draw: int) -> str:
    return _constant(question, options, question.choices)


def _constant(question: Question, options: ConstantOptions, units: Sequence[str]) -> str:
    if question.kind == "expression":
        return next((label for label in options.expressions if label in question.choices), question.choices[0])
    if question.kind == "valence_arousal":
        return _axes(options.valence, options.arousal)
    return _units([int(unit) for unit in units])


def _axes(valence: float, arousal: float) -> str:
    return f"valence: {valence:.3f}, arousal: {arousal:.3f}"


def _units(units: list[int]) -> str:
    return ", ".join(f"AU{unit}" for unit in sorted(units)) or "none"


_PLAYERS: Mapping[str, tuple[type[_Options], Callable[[Question, Any, int], str]]] = MappingProxyType(
    {
        "uniform": (UniformOptions, _uniform),
        "majority": (ConstantOptions, _majority),
        "always-active": (ConstantOptions, _always_active),
    }
)
