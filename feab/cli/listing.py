"""`feab tasks`, `feab models` and `feab models show`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from feab.cli.output import out, out_json, rows, say, short_count
from feab.errors import FeabError

if TYPE_CHECKING:
    from feab.models import ModelCard, Price


def show_tasks(include: Sequence[Path]) -> None:
    """Tasks on stdout, groups after them."""
    from feab.tasks import list_groups, list_tasks

    found = [
        [task.name, task.kind, f"{task.dataset}/{task.split}", ", ".join(task.prompts), task.description]
        for task in list_tasks(include)
    ]
    groups = [
        [name, "group", "", "", "the tasks " + ", ".join(members)] for name, members in list_groups(include).items()
    ]
    rows(["name", "kind", "data", "prompts", "what is asked"], found + groups)


def show_models(include: Sequence[Path]) -> None:
    """Cards on stdout; what else a name may be, on stderr."""
    from feab.models import list_models, providers

    lines = []
    for card in list_models(include):
        size = "" if card.parameters is None else short_count(card.parameters)
        price = "" if card.price is None else f"{card.price.input:g} in, {card.price.output:g} out"
        lines.append([card.name, card.access, size, card.licence, price, card.adapter, card.description])
    rows(["name", "access", "parameters", "licence", "$ per 1M tokens", "adapter", "what it is"], lines)
    say("\nany other model: " + ", ".join(f"{word}/…" for word in providers()))
    say("what a card says, with its sources: feab models show NAME")


def show_card(name: str, include: Sequence[Path], *, as_json: bool) -> None:
    """What a card says, a fact a line, each with where it was read.

    Raises:
        FeabError: when there is no such card.
    """
    from feab.models.cards import find_card
    from feab.models.loading import unknown

    card = find_card(name, include)
    if card is None:
        raise FeabError(unknown(name, include))
    if as_json:
        out_json(card.model_dump(mode="json"))
        return
    facts = [(field, words) for field, words in _facts(card) if words]
    width = max(len(field) for field, _ in facts)
    for field, words in facts:
        out(f"{field.replace('_', ' '):<{width}}  {words}")
        if field in card.sources:
            out(f"{'':<{width}}    {card.sources[field]}")


def _facts(card: ModelCard) -> list[tuple[str, str]]:
    return [
        ("name", card.name),
        ("description", card.description),
        ("adapter", card.adapter),
        ("args", ", ".join(f"{key}={value}" for key, value in card.args.items())),
        ("revision", card.revision or ""),
        ("access", card.access),
        ("parameters", "" if card.parameters is None else short_count(card.parameters)),
        ("licence", card.licence),
        ("price", "" if card.price is None else _price(card.price)),
        ("release_date", "" if card.release_date is None else card.release_date.isoformat()),
        ("trained_on", ", ".join(card.trained_on)),
        ("may_have_seen", ", ".join(card.may_have_seen)),
        ("intended_use", card.intended_use),
        ("url", card.url or ""),
        ("card", str(card.path)),
    ]


def _price(price: Price) -> str:
    day = f", on {price.as_of.isoformat()}" if price.as_of else ""
    return f"${price.input:g} in, ${price.output:g} out per million tokens{day}"
