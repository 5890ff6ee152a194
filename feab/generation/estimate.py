"""What annotating would ask and cost, reckoned without asking: nothing is sent, and no model is loaded."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

from feab.generation.asking import Asker
from feab.generation.prepare import prepare
from feab.generation.recipe import DEFAULT, Recipe
from feab.knowledge import fit_joint
from feab.models.wrappers.budget import BYTES_PER_TOKEN, images_sent, longest_answer, text_bytes
from feab.runs.estimate import answer_limit, tokens_of_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from feab.data import Dataset
    from feab.models import ModelCard
    from feab.records import Question

_LOOKED_AT = 20
"""Faces whose questions are made to see how long they are: they differ by context and by what is given."""


@dataclass(frozen=True, slots=True)
class Load:
    """Questions, and the tokens and dollars they would take. None is unknown."""

    questions: int
    answers: int
    """Draws."""
    text_tokens: int
    """Of the questions, at four bytes a token."""
    image_tokens: int | None
    """By the model's card; None where it does not say."""
    output_tokens: int
    """At the most: every answer as long as it may be."""
    cost_usd: float | None
    """At the most, by the card's price; None without a price. Without `image_tokens`, images are not in it."""


@dataclass(frozen=True, slots=True)
class SekeEstimate:
    """What annotating takes: between the pilot alone and every face asked in all contexts, without verification."""

    faces: int
    """Of which something is missing."""
    calibrating: int
    levels: tuple[str, ...]
    """Those that are missing somewhere."""
    at_least: Load
    at_most: Load


def estimate(
    model: str,
    data: Dataset | str | PathLike[str],
    recipe: Recipe | str | PathLike[str] = DEFAULT,
    *,
    split: str | None = None,
    given: Collection[str] | None = None,
    limit: int | None = None,
    include: Sequence[str | PathLike[str]] = (),
    on_progress: Callable[[int, int], None] | None = None,
    **adapter_args: Any,
) -> SekeEstimate:
    """Reckon what the same call of `annotate` would take; answers that are there already are not deducted.

    How often a face is asked depends on the answers, so only bounds are told. Checks by the verifier come on top; they
    are short, and at the most a few a face.

    Raises:
        FeabError: for an unknown model, argument, recipe or dataset.
    """
    from feab.models.loading import card_of, options_given

    card = card_of(model, include)
    longest = answer_limit(options_given(model, include, **adapter_args))
    what = prepare(data, recipe, split=split, given=given, limit=limit, include=include, on_progress=on_progress)
    settings = what.recipe.stopping
    asker = Asker(what.recipe, fit_joint(what.recipe.knowledge_numbers()))
    faces = what.chosen.asked()
    shown = faces[:: max(1, len(faces) // _LOOKED_AT)][:_LOOKED_AT]
    asked = [asker.question(face, context) for face in shown for context in range(settings.most_contexts)]
    each = tokens_of_image(card, adapter_args)

    def load(contexts: int) -> Load:
        return _load(asked, len(faces) * contexts, settings.draws, longest, each, card)

    return SekeEstimate(
        sum(face.truth is None for face in faces),
        len(what.chosen.calibrating),
        what.chosen.levels,
        load(settings.pilot_contexts),
        load(settings.most_contexts),
    )


def _load(
    asked: Sequence[Question], questions: int, draws: int, longest: int | None, each: int | None, card: ModelCard | None
) -> Load:
    """So many questions like those; every draw is taken to be a request of its own."""
    answers = questions * draws
    text = round(answers * _mean(text_bytes(one) for one in asked) / BYTES_PER_TOKEN)
    output = round(answers * _mean(longest_answer(one, longest) for one in asked))
    images = None if each is None else round(answers * each * _mean(images_sent(one) for one in asked))
    price = None if card is None else card.price
    cost = None if price is None else price.of(text + (images or 0), output)
    return Load(questions, answers, text, images, output, cost)


def _mean(values: Iterable[int]) -> float:
    found = list(values)
    return sum(found) / len(found)
