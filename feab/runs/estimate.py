"""What a run would ask and cost, reckoned without asking: nothing is sent, and no model is loaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

from feab.models.images import pictures_of
from feab.models.wrappers.budget import BYTES_PER_TOKEN, text_bytes
from feab.records import Media
from feab.runs.parts import plan

if TYPE_CHECKING:
    from feab.data import Dataset


@dataclass(frozen=True, slots=True)
class Estimate:
    """A run's questions, and the tokens and dollars they would take. None is unknown."""

    questions: int
    answers: int
    """One a question and draw."""
    images: int
    """Images sent, each as often as it is asked about; of clips, at the most as many frames as are shown of one."""
    text_tokens: int
    """Of the questions, at four bytes a token."""
    image_tokens: int | None
    """By the model's card."""
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
    frames: str | None = None,
    include: Sequence[str | PathLike[str]] = (),
    on_progress: Callable[[int, int], None] | None = None,
    **adapter_args: Any,
) -> Estimate:
    """Reckon what the same call of `feab.run` would take; answers that are there already are not deducted.

    Of `adapter_args` only `max_tokens` (or `max_new_tokens`) counts, with the model's card. The draws of a question are
    taken to share one request.

    Raises:
        FeabError: for an unknown model, task, prompt or dataset.
    """
    from feab.models.loading import card_of

    card = card_of(model, include)
    given = {**(card.args if card else {}), **adapter_args}
    longest = given.get("max_tokens", given.get("max_new_tokens"))
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
        on_progress=on_progress,
    )
    questions = images = text_tokens = output_tokens = 0
    for part in parts:
        for prompt in part.prompts:
            asked = part.task.question("", Media(), prompt)  # the words are as long for every sample
            count = len(part.rows)
            questions += count
            shown = part.task.frames if part.dataset.has_clips else None
            images += count * (len(pictures_of(asked)) if shown is None else shown.frames)
            text_tokens += count * -(-text_bytes(asked) // BYTES_PER_TOKEN)
            output_tokens += count * draws * int(longest or asked.sampling.max_tokens)
    image_tokens = None if card is None or card.image_tokens is None else images * card.image_tokens
    price = card.price if card else None
    return Estimate(
        questions,
        questions * draws,
        images,
        text_tokens,
        image_tokens,
        output_tokens,
        None if price is None else price.of(text_tokens + (image_tokens or 0), output_tokens),
    )
