"""The questions about a face, and what is heard in their answers: live, and from draws.jsonl in the same way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice

from feab.generation.answers import read_draw, read_verdict
from feab.generation.asked import level_of, levels_asked, read_prompt
from feab.generation.contexts import contexts_for
from feab.generation.faces import Face
from feab.generation.prompts import annotation_question, verification_question
from feab.generation.recipe import Recipe
from feab.generation.record import LEVELS, Draw, Verdict
from feab.knowledge import JointModel
from feab.records import Answer, FinishReason, Outcome, Question
from feab.schemas import Prediction


@dataclass(frozen=True, slots=True)
class Check:
    """What a verifier is asked: see `feab.generation.prompts.verification_question`."""

    about: str
    candidate: str
    foil: str


class Asker:
    """Puts the recipe's questions, and reads their answers."""

    def __init__(self, recipe: Recipe, knowledge: JointModel) -> None:
        self._recipe, self._knowledge = recipe, knowledge
        self._settings = recipe.stopping

    def lacking(self, face: Face) -> list[int]:
        """The contexts of the pilot, and of a round that was begun, of which draws are missing."""
        there = face.contexts()
        begun = max(self._settings.pilot_contexts, max(there, default=-1) + 1)
        return [number for number in range(begun) if there.get(number, 0) < self._settings.draws]

    def lacking_answers(self, face: Face) -> int:
        """How many draws that is."""
        there = face.contexts()
        return sum(self._settings.draws - there.get(number, 0) for number in self.lacking(face))

    def may(self, face: Face, step: int | Check) -> bool:
        """Whether a step is one that was not taken yet, so that every face comes to an end."""
        if isinstance(step, Check):
            return all((one.about, one.candidate) != (step.about, step.candidate) for one in face.verdicts)
        return step < self._settings.most_contexts and step not in face.contexts()

    def answers_wanted(self, face: Face, step: int | Check) -> int:
        """How many answers a step brings that are not there."""
        return 1 if isinstance(step, Check) else self._settings.draws - face.contexts().get(step, 0)

    def question(self, face: Face, step: int | Check) -> Question:
        """The question of a step: in a context of that number, or a check."""
        recipe, sample = self._recipe, face.dataset[face.row]
        if isinstance(step, Check):
            asked = verification_question(
                sample,
                face.given,
                step.about,
                step.candidate,
                step.foil,
                recipe.seed,
                self._knowledge if recipe.knowledge_in_prompts else None,
                recipe.verifying.sampling(recipe.seed),
                crop=recipe.crop,
            )
        else:
            contexts = contexts_for(face.sample, recipe.seed, knowledge=recipe.knowledge_in_prompts)
            asked = annotation_question(
                sample,
                face.given,
                face.missing,
                next(islice(contexts, step, None)),
                self._knowledge,
                aus=recipe.aus,
                n=self._settings.draws,
                sampling=recipe.asking.sampling(recipe.seed),
                crop=recipe.crop,
            )
        return asked if asked.task == face.task else replace(asked, task=face.task)

    def parse(self, question: Question, text: str, reason: FinishReason) -> Answer:
        """What a text means, as far as a line of draws.jsonl tells it: one level, and the outcome for all."""
        about = read_prompt(question.prompt)
        if not isinstance(about, int):
            ruling = read_verdict(text, *about, reason=reason).ruling
            if ruling is not None:
                return Answer(ruling, Outcome.OK)
            return Answer(None, Outcome.TRUNCATED if reason == "length" else Outcome.UNPARSABLE)
        levels = levels_asked(question)
        draw, outcome = read_draw(text, levels, self._recipe.aus, context=about, draw=0, reason=reason)
        values = (getattr(draw, level) for level in LEVELS)
        return Answer(next((value for value in values if value is not None), None), outcome)

    def could_ask(self, face: Face, prediction: Prediction) -> bool:
        """Whether a line of draws.jsonl may be an answer to one of this recipe's questions about a face.

        Raises:
            FeabError: when its prompt is none of SEKE's.
        """
        about = read_prompt(prediction.prompt)
        if isinstance(about, int):
            return about < self._settings.most_contexts and prediction.draw < self._settings.draws
        return level_of(about[0]) in face.missing and prediction.draw == 0

    def hear(self, face: Face, prediction: Prediction) -> None:
        """Add a line of draws.jsonl to what is known of a face.

        Where the line does not say why an answer ended, as lines of before do not, one of which something was read is
        read as one that ended by itself.
        """
        about = read_prompt(prediction.prompt)
        text = prediction.text if prediction.outcome is Outcome.OK else None
        reason = prediction.finish_reason or "stop"
        if not isinstance(about, int):
            verdict = Verdict(*about, None) if text is None else read_verdict(text, *about, reason=reason)
            face.verdicts += (verdict,)
        elif text is None:
            face.hear(Draw(about, prediction.draw))
        else:
            aus, number = self._recipe.aus, prediction.draw
            draw, _ = read_draw(text, face.missing, aus, context=about, draw=number, reason=reason)
            face.hear(draw)
