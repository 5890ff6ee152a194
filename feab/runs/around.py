"""What a run puts around the model it asks: replicas of it, a cache of answers, and a limit of cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

from feab.errors import FeabError
from feab.models.wrappers import AnswerStore, CachedModel, load_replicas, with_budget
from feab.models.wrappers.replicas import check_replicas

if TYPE_CHECKING:
    from feab.models import Model, ModelCard, Price


@dataclass(frozen=True, slots=True)
class Copies:
    """How many copies of a model are to be loaded, and where."""

    replicas: int
    address: str | None
    gpus: float | None

    @classmethod
    def asked_for(
        cls, model: str | Model, replicas: int | None, address: str | None, gpus: float | None
    ) -> Copies | None:
        """None where a model is simply loaded.

        Raises:
            FeabError: for values that cannot be, a place or GPUs of replicas that nobody asked for, or replicas of a
                model that is loaded.
        """
        if replicas is None:
            for name, given in (("ray_address", address), ("gpus_per_replica", gpus)):
                if given is not None:
                    raise FeabError(f"{name} goes with replicas: say how many with --replicas N")
            return None
        if not isinstance(model, str):
            raise FeabError("replicas are loaded by a model's name; a model that is loaded already cannot be copied")
        check_replicas(replicas, address, gpus)
        return cls(replicas, address, gpus)


def check_limits(model: str | Model, args: Mapping[str, Any], *, limit: int | None, max_cost: float | None) -> None:
    """Whether the limits are numbers that can be, and arguments go with a model that is still to be loaded.

    Raises:
        FeabError: when not.
    """
    if limit is not None and limit < 1:
        raise FeabError(f"limit {limit}: must be at least 1")
    if max_cost is not None and not 0 < max_cost < math.inf:
        raise FeabError(f"max_cost {max_cost}: must be a number of dollars above 0")
    if args and not isinstance(model, str):
        raise FeabError(f"adapter arguments ({', '.join(args)}) go with a model's name, not a loaded model")


def known_card(model: str | Model, include: Sequence[str | PathLike[str]], max_cost: float | None) -> ModelCard | None:
    """The card of a model that is given by its name, where it has one; nothing is loaded.

    Raises:
        FeabError: for an unknown name, or a limit of cost without a price.
    """
    card = None
    if isinstance(model, str):
        from feab.models.loading import card_of, check_name

        check_name(model, include)
        card = card_of(model, include)
    if max_cost is not None:
        check_price(model if isinstance(model, str) else model.name, card)
    return card


def loaded(model: str, include: Sequence[str | PathLike[str]], args: Mapping[str, Any], copies: Copies | None) -> Model:
    """The model of that name, once or in several copies.

    Raises:
        FeabError: as `feab.load_model` and `feab.models.wrappers.load_replicas`.
    """
    from feab.models import load_model

    if copies is None:
        return load_model(model, include=include, **args)
    return load_replicas(model, copies.replicas, include=include, args=args, address=copies.address, gpus=copies.gpus)


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
