"""What a run puts around the model it asks: a cache of answers, and a limit of cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from feab.errors import FeabError
from feab.models.wrappers import AnswerStore, CachedModel, with_budget

if TYPE_CHECKING:
    from feab.models import Model, ModelCard, Price


def check_price(model: str, card: ModelCard | None) -> Price:
    """The price by a model's card.

    Raises:
        FeabError: when none is known, so that no limit of cost can be kept.
    """
    if card is None or card.price is None:
        raise FeabError(
            f"max_cost: no price of {model} is known; write a model card with `price: {{input: …, output: …}}`, in "
            "dollars per million tokens, and name it with --model"
        )
    return card.price


def wrapped(
    model: Model, card: ModelCard | None, *, store: AnswerStore | None, max_cost: float | None, tokens: tuple[int, int]
) -> Model:
    """The model, with a cache around it where there is one, and a budget around that: known answers cost nothing.

    `tokens` are those (in, out) that the run has used before.

    Raises:
        FeabError: for a limit without a price.
    """
    if store is not None:
        model = CachedModel(model, store)
    if max_cost is not None:
        price = check_price(model.name, card)
        image_tokens = None if card is None else card.image_tokens
        model = with_budget(model, price, max_cost, spent_usd=price.of(*tokens), image_tokens=image_tokens)
    return model
