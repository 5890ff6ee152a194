"""From what is known of a face to conversations about it: descriptions, their correlation, choices, FERID's kinds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from feab.data.feid.record import FeidLabels, FeidRecord, FeidTask
from feab.errors import FeabError
from feab.generation.benchmark import benchmark_turns
from feab.generation.closed import category_turn, closed_turns
from feab.generation.decks import Decks
from feab.generation.linking import Linking
from feab.generation.phrases import label_words, medium_of, unit_words
from feab.generation.templates import GRAINS, Grain, Templates, fill
from feab.generation.turns import Turn, Wording
from feab.records import Image, Media, Message, Text
from feab.tasks import Task
from feab.vocabulary import EXPRESSIONS, Kind

MOST_RECORDS = 20
"""Of one kind about one face."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many conversations of each kind are made of a face that has the labels for them (defaults: our choice)."""

    coarse: int = 1
    dimensional: int = 1
    fine: int = 1
    correlation: int = 1
    conversation: int = 1
    choice: int = 3
    ferid_category: int = 1
    ferid_conversation: int = 1

    def __post_init__(self) -> None:
        for task, count in self.counts.items():
            if not 0 <= count <= MOST_RECORDS:
                raise FeabError(f"{task}: 0 to {MOST_RECORDS} conversations a face can be made, not {count}")

    @property
    def counts(self) -> dict[FeidTask, int]:
        """Kind -> conversations a face."""
        return {
            "coarse": self.coarse,
            "dimensional": self.dimensional,
            "fine": self.fine,
            "correlation": self.correlation,
            "conversation": self.conversation,
            "choice": self.choice,
            "ferid_category": self.ferid_category,
            "ferid_conversation": self.ferid_conversation,
        }


@dataclass(frozen=True, slots=True)
class Face:
    """A face to talk about."""

    sample: str
    source: str
    labels: FeidLabels
    images: tuple[Media, ...]
    subject: str | None = None
    prefix: str = ""
    """Begins its records' ids, so that they differ between datasets."""


@dataclass(frozen=True, slots=True)
class Talk:
    """The turns of one conversation, before they are messages."""

    task: FeidTask
    turns: tuple[Turn, ...]

    @property
    def levels(self) -> tuple[Kind, ...]:
        """The levels that its answers state."""
        return tuple(dict.fromkeys(level for turn in self.turns for level in turn.levels))

    @property
    def grounds(self) -> tuple[Kind, ...]:
        """The levels that its answers rest on."""
        return tuple(dict.fromkeys(level for turn in self.turns for level in turn.grounds))


@dataclass(slots=True)
class Instructor:
    """Makes the conversations of face after face; the same seed and the same faces give the same words.

    Attributes:
        plan: how many of each kind.
        wording: deals the wordings.
        tasks: feab's tasks whose own questions are put as well, one of each task.
    """

    plan: Plan
    wording: Wording
    tasks: Sequence[Task] = ()

    @classmethod
    def of(
        cls,
        templates: Templates,
        *,
        seed: int,
        plan: Plan | None = None,
        linking: Linking | None = None,
        tasks: Sequence[Task] = (),
        labels: Collection[str] = EXPRESSIONS,
    ) -> Instructor:
        """With fresh decks. `labels`: the expressions that the source tells apart; of fewer than two, all eight."""
        known = tuple(label for label in EXPRESSIONS if label in labels)
        wording = Wording(templates, Decks(seed), linking or Linking(), known if len(known) > 1 else EXPRESSIONS)
        return cls(plan or Plan(), wording, tasks)

    def records(self, face: Face) -> Iterator[FeidRecord]:
        """All conversations about a face; of a face of which too little is known, few or none."""
        pictures = len(face.images)
        numbers: dict[FeidTask, int] = {}
        for talk in self._talks(face, pictures):
            numbers[talk.task] = numbers.get(talk.task, 0) + 1
            yield record_of_talk(face, talk, numbers[talk.task])

    def _talks(self, face: Face, pictures: int) -> Iterator[Talk]:
        labels = face.labels
        for task, count in self.plan.counts.items():
            if task == "choice":
                for turn in closed_turns(self.wording, labels, pictures, count):
                    yield Talk(task, (turn,))
                continue
            for _ in range(count):
                turns = self._turns(task, labels, pictures)
                if turns:
                    yield Talk(task, turns)
        for turn in benchmark_turns(self.tasks, self.wording.decks, labels, face.sample):
            yield Talk("benchmark", (turn,))

    def _turns(self, task: FeidTask, labels: FeidLabels, pictures: int) -> tuple[Turn, ...]:
        """The turns of one conversation; none where the labels for it are missing."""
        if task == "ferid_category":
            return () if labels.expression is None else (category_turn(self.wording, labels, pictures),)
        if task == "ferid_conversation":
            return () if labels.expression is None else self._ferid(labels, pictures)
        if task == "conversation":
            return self._conversation(labels, pictures)
        grain = next(grain for grain in GRAINS if grain == task)
        return (self.wording.first(grain, labels, pictures),) if grain in grains_of(labels) else ()

    def _conversation(self, labels: FeidLabels, pictures: int) -> tuple[Turn, ...]:
        there = grains_of(labels)
        possible = [order for order in self.wording.templates.orders if set(order) <= set(there)]
        if not possible:
            return ()
        names = ["-".join(order) for order in possible]
        order = possible[names.index(self.wording.decks.least_used(("order",), names))]
        turns = [self.wording.first(order[0], labels, pictures)]
        turns += [self.wording.further(grain, labels, pictures) for grain in order[1:]]
        return tuple(turns)

    def _ferid(self, labels: FeidLabels, pictures: int) -> tuple[Turn, ...]:
        """The expression with its evidence, and what cannot be told from a face."""
        assert labels.expression is not None
        wording, of = self.wording, labels.expression
        medium = {"medium": medium_of(pictures)}
        values = medium | label_words(labels.expression, wording.templates.words)
        levels: tuple[Kind, ...] = ("expression",)
        name = "ferid.conversation.answers_plain"
        if labels.action_units:
            values |= unit_words(labels.action_units)
            name, levels = "ferid.conversation.answers", ("expression", "action_units")
        q, question = wording.pick("ferid.conversation.questions", of)
        a, answer = wording.pick(name, of)
        template = f"ferid.conversation/q{q}/{'a' if labels.action_units else 'p'}{a}"
        return (
            Turn(fill(question, medium), fill(answer, values), template, levels),
            wording.further("limits", labels, pictures),
        )


def grains_of(labels: FeidLabels) -> Sequence[Grain]:
    """What can be said of a face: grains whose label it has, and how they go together where it has two."""
    there = (labels.expression is not None, labels.valence_arousal is not None, bool(labels.coded))
    return [grain for grain, known in zip(GRAINS, (*there, sum(there) >= 2, True), strict=True) if known]


def record_of_talk(face: Face, talk: Talk, number: int) -> FeidRecord:
    """A conversation as a record: the pictures stand before the first question."""
    messages = []
    for place, turn in enumerate(talk.turns):
        shown = () if place else tuple(Image(media) for media in face.images)
        messages += [Message("user", (*shown, Text(turn.question))), Message("assistant", (Text(turn.answer),))]
    return FeidRecord(
        id=f"{face.prefix}{face.sample}#{talk.task}-{number}",
        sample=face.sample,
        source=face.source,
        subject=face.subject,
        task=talk.task,
        template=" ".join(turn.template for turn in talk.turns),
        messages=tuple(messages),
        images=face.images,
        labels=face.labels,
        levels=talk.levels,
        grounds=talk.grounds,
    )
