"""What a run would ask and cost, reckoned without asking: nothing is sent, and no model is loaded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

from feab.models.wrappers.budget import BYTES_PER_TOKEN, images_sent, longest_answer, sent, text_bytes
from feab.records import Media, Scoring
from feab.runs.parts import plan

if TYPE_CHECKING:
    from feab.data import Dataset
    from feab.models import ModelCard

_LIMITS = ("max_tokens", "max_new_tokens", "max_gen_toks")
"""What adapters call the user's own limit of an answer."""

_MORE = frozenset({"min_pixels", "detail"})
_FEWER = frozenset({"max_pixels"})
"""Arguments after which an image may take more tokens, or fewer, than a model's card says. Given by the card itself,
they are in what it says."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A run's questions, and the tokens and dollars they would take. None is unknown."""

    questions: int
    """As they are sent: with scoring `yes-no`, one for each action unit."""
    answers: int
    """One a face, prompt and draw."""
    images: int
    """Images sent, each as often as it is asked about; of clips, at the most as many frames as are shown of one."""
    text_tokens: int
    """Of the questions, at four bytes a token."""
    image_tokens: int | None
    """By the model's card; None where it does not say, or an argument may make images take more than it says."""
    image_tokens_at_most: bool
    """Whether an argument (`max_pixels`) may make them fewer."""
    output_tokens: int
    """At the most: every answer as long as it may be."""
    cost_usd: float | None
    """At the most, by the card's price; None without a price. Without `image_tokens`, images are not in it."""


def estimate(
    model: str,
    tasks: str | Sequence[str] | None = None,
    *,
    data: Dataset | str | PathLike[str] | None = None,
    prompts: str | Sequence[str] = "direct",
    limit: int | None = None,
    seed: int = 0,
    draws: int = 1,
    au_threshold: float | None = None,
    scoring: Scoring = "generate",
    frames: str | None = None,
    include: Sequence[str | PathLike[str]] = (),
    on_progress: Callable[[int, int], None] | None = None,
    **adapter_args: Any,
) -> Estimate:
    """Reckon what the same call of `feab.run` would take; answers that are there already are not deducted.

    `adapter_args` are checked as the run would. Every draw is taken to be a request of its own, as it is where an API
    gives one answer to a request: one that gives several counts question and image once.

    Raises:
        FeabError: for an unknown model, argument, task, prompt or dataset.
    """
    from feab.models.loading import card_of, options_given
    from feab.tasks.choices import as_scored

    card = card_of(model, include)
    longest = answer_limit(options_given(model, include, **adapter_args))
    parts = plan(
        tasks,
        data=data,
        prompts=prompts,
        limit=limit,
        seed=seed,
        draws=draws,
        au_threshold=au_threshold,
        frames=frames,
        include=include,
        scoring=scoring,
        on_progress=on_progress,
    )
    questions = answers = images = text_tokens = output_tokens = 0
    for part in parts:
        for prompt in part.prompts:
            # The words are as long for every sample.
            asked = as_scored(part.task, part.task.question("", Media(), prompt), scoring)
            count = len(part.rows)
            shown = part.task.frames if part.dataset.has_clips else None
            questions += count * len(sent(asked))
            answers += count * draws
            images += count * draws * images_sent(asked) * (1 if shown is None else shown.frames)
            text_tokens += count * draws * -(-text_bytes(asked) // BYTES_PER_TOKEN)
            output_tokens += count * draws * longest_answer(asked, longest)
    each = tokens_of_image(card, adapter_args)
    image_tokens = None if each is None else images * each
    price = card.price if card else None
    return Estimate(
        questions,
        answers,
        images,
        text_tokens,
        image_tokens,
        not _FEWER.isdisjoint(adapter_args),
        output_tokens,
        None if price is None else price.of(text_tokens + (image_tokens or 0), output_tokens),
    )


def answer_limit(options: object) -> int | None:
    """The user's own limit of an answer, in tokens, among an adapter's options."""
    found = (getattr(options, name, None) for name in _LIMITS)
    return next((int(limit) for limit in found if limit is not None), None)


def tokens_of_image(card: ModelCard | None, adapter_args: Collection[str]) -> int | None:
    """What an image takes by the model's card; None where it does not say, or an argument may make it more."""
    return None if card is None or _MORE.intersection(adapter_args) else card.image_tokens
