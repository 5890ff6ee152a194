"""One conversation of FEID about one face, and the labels it was made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from feab.records import Media, Message, Text
from feab.vocabulary import Kind

FeidTask = Literal[
    "coarse",
    "dimensional",
    "fine",
    "correlation",
    "conversation",
    "choice",
    "ferid_category",
    "ferid_conversation",
    "benchmark",
]
"""What a conversation is: a description at one grain (expression; valence and arousal; action units with what is seen),
how the three go together, a conversation of several turns, a short closed question; and the two kinds of EMO-LLaMA's
FERID: a category among the labels, and a conversation about the expression; and a question of one of feab's tasks."""

FEID_TASKS: tuple[FeidTask, ...] = get_args(FeidTask)

Origin = Literal["human", "generated"]
"""Where a label comes from. What was rejected is in no FEID."""

RecordOrigin = Literal["human", "generated", "mixed"]
"""Where the labels that a conversation's answers rest on come from."""


def origin_of(grounds: Iterable[Kind], origins: Mapping[Kind, Origin | None]) -> RecordOrigin:
    """Where what answers rest on comes from; of what rests on no label, people's.

    Args:
        grounds: the grains that the answers rest on.
        origins: grain -> where its label comes from; None or left out where there is none.
    """
    found = {origin for level in grounds if (origin := origins.get(level)) is not None}
    return "mixed" if len(found) > 1 else next(iter(found), "human")


@dataclass(frozen=True, slots=True)
class FeidLabels:
    """What is held to be true of a face; None where nothing is.

    Attributes:
        expression: one of the eight expressions.
        valence_arousal: each in [-1, 1].
        action_units: those present, of the 17.
        coded: the action units of which presence or absence is known; `action_units` are among them.
        origins: where each level that is there comes from.
        confidences: of generated levels, the probability that they are right.
    """

    expression: str | None = None
    valence_arousal: tuple[float, float] | None = None
    action_units: frozenset[int] | None = None
    coded: frozenset[int] = frozenset()
    origins: Mapping[Kind, Origin] = field(default_factory=dict)
    confidences: Mapping[Kind, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FeidRecord:
    """One conversation about one face.

    Attributes:
        id: of this record alone.
        sample: the face's id in its dataset.
        source: the dataset, or the source inside it.
        subject: whose face it is, where known: what is held out should be held out by person.
        task: what kind of conversation it is.
        template: the wordings it was made from, such as "coarse/q03/a11".
        messages: user and assistant in turn; the pictures stand in the first.
        images: the pictures, in the order in which `messages` shows them.
        labels: all that is known of the face.
        levels: the grains that the answers state in full, so that `feab.answers.parse` reads them back.
        grounds: the grains that the answers rest on, those of `levels` among them.
        rewritten: whether a model put the answers into other words.
    """

    id: str
    sample: str
    source: str
    subject: str | None
    task: FeidTask
    template: str
    messages: tuple[Message, ...]
    images: tuple[Media, ...]
    labels: FeidLabels
    levels: tuple[Kind, ...] = ()
    grounds: tuple[Kind, ...] = ()
    rewritten: bool = False

    @property
    def answers(self) -> tuple[str, ...]:
        """What the assistant says, turn by turn."""
        return tuple(text_of(message) for message in self.messages if message.role == "assistant")

    @property
    def origin(self) -> RecordOrigin:
        """Where the labels that the answers rest on come from."""
        return origin_of(self.grounds, self.labels.origins)

    @property
    def confidence(self) -> float | None:
        """Of the generated levels that the answers rest on, the least sure one's; None where all are human."""
        found = [self.labels.confidences[level] for level in self.grounds if level in self.labels.confidences]
        return min(found) if found else None


def text_of(message: Message) -> str:
    """The text of a message, its pictures left out."""
    return "\n".join(part.text for part in message.parts if isinstance(part, Text))
