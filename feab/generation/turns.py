"""One question and its answer about a face, at one grain, in wordings dealt from decks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from feab.data.feid.record import FeidLabels
from feab.generation.decks import Decks
from feab.generation.linking import Linking
from feab.generation.phrases import affect_words, asked_words, label_words, medium_of, stratum, unit_words
from feab.generation.templates import Grain, Templates, fill
from feab.vocabulary import EXPRESSIONS, FEAB_17, Kind


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer.

    Attributes:
        question, answer: in words.
        template: the wordings used, such as "coarse/q3/a11", numbers from 1 as they stand in the files.
        levels: those that the answer states in full.
        about: the level that a short answer rests on, which does not state it.
    """

    question: str
    answer: str
    template: str
    levels: tuple[Kind, ...] = ()
    about: Kind | None = None

    @property
    def grounds(self) -> tuple[Kind, ...]:
        """The levels that the answer rests on."""
        return self.levels if self.about is None else (self.about,)


@dataclass(slots=True)
class Wording:
    """Deals wordings for one dataset.

    Attributes:
        templates: all wordings.
        decks: deals them.
        linking: what the knowledge says of how levels go together.
        labels: the expressions that the source tells apart, in the order of the vocabulary.
    """

    templates: Templates
    decks: Decks
    linking: Linking
    labels: Sequence[str] = EXPRESSIONS

    def pick(self, name: str, of: str) -> tuple[int, str]:
        """The next wording of a list for faces with one label; its number from 1, and its text."""
        choices = self.templates.lists[name]
        number = self.decks.number((name, of), len(choices))
        return number + 1, choices[number]

    def offered(self, expression: str | None) -> Sequence[str]:
        """The expressions among which one is to be chosen: the source's, unless the right one is none of them."""
        return self.labels if expression is None or expression in self.labels else EXPRESSIONS

    def first(self, grain: Grain, labels: FeidLabels, pictures: int) -> Turn:
        """A question that stands by itself, with its answer. The face must have the labels of the grain."""
        name = f"{grain}.questions"
        if grain == "fine":
            name = "fine.open" if labels.coded >= set(FEAB_17) else "fine.listed"
        return self._turn(grain, name, labels, pictures)

    def further(self, grain: Grain, labels: FeidLabels, pictures: int) -> Turn:
        """The same as a further question about a face that was talked of already."""
        listed = grain == "fine" and not labels.coded >= set(FEAB_17)
        return self._turn(grain, f"conversation.{'fine_listed' if listed else grain}", labels, pictures)

    def _turn(self, grain: Grain, name: str, labels: FeidLabels, pictures: int) -> Turn:
        q, wording = self.pick(name, stratum(labels))
        offered = self.offered(labels.expression)
        options = ", ".join(self.decks.shuffled(("options",), offered)) if "{options}" in wording else ""
        asked = asked_words(labels.coded) if "{asked}" in wording else ""
        medium = {"medium": medium_of(pictures)}
        question = fill(wording, medium | {"options": options, "asked": asked})
        a, answer, levels = self._answer(grain, labels, medium)
        return Turn(question, answer, f"{name.replace('.questions', '')}/q{q}/{a}", levels)

    def _answer(self, grain: Grain, labels: FeidLabels, medium: dict[str, str]) -> tuple[str, str, tuple[Kind, ...]]:
        """The wordings' mark, the answer, and the levels it states."""
        of, words = stratum(labels), self.templates.words
        if grain == "coarse":
            assert labels.expression is not None
            a, wording = self.pick("coarse.answers", of)
            return f"a{a}", fill(wording, medium | label_words(labels.expression, words)), ("expression",)
        if grain == "dimensional":
            assert labels.valence_arousal is not None
            a, wording = self.pick("dimensional.answers", of)
            return f"a{a}", fill(wording, medium | affect_words(labels.valence_arousal, words)), ("valence_arousal",)
        if grain == "fine":
            assert labels.action_units is not None
            if not labels.action_units:
                a, wording = self.pick("fine.answers_none", of)
                return f"n{a}", fill(wording, medium), ("action_units",)
            a, wording = self.pick("fine.answers", of)
            return f"a{a}", fill(wording, medium | unit_words(labels.action_units)), ("action_units",)
        if grain == "limits":
            a, wording = self.pick("conversation.limits_answers", of)
            return f"a{a}", fill(wording, medium), ()
        return self._correlation(labels, medium)

    def _correlation(self, labels: FeidLabels, medium: dict[str, str]) -> tuple[str, str, tuple[Kind, ...]]:
        """Sentences on how the levels that are there go together, in a fixed order, each in a wording of its own."""
        of, words = stratum(labels), self.templates.words
        parts: list[str] = []
        marks: list[str] = []
        levels: list[Kind] = []

        def say(name: str, values: dict[str, str]) -> None:
            number, wording = self.pick(f"correlation.{name}", of)
            marks.append(f"{name}{number}")
            parts.append(fill(wording, medium | values))

        if labels.expression is not None:
            levels.append("expression")
            say("opening", label_words(labels.expression, words))
        if labels.action_units is not None:
            levels.append("action_units")
            for name, aus in self.linking.movements(labels):
                say(name, unit_words(aus) if aus else {})
        if labels.valence_arousal is not None:
            levels.append("valence_arousal")
            say("opening_affect", affect_words(labels.valence_arousal, words))
            for name, aus in self.linking.affect(labels):
                say(name, unit_words(aus) if aus else {})
        return "+".join(marks), " ".join(parts), tuple(levels)
