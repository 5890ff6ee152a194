"""Checking a model card: its fields, its adapter, what it points to, and the arguments it gives."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pydantic import BaseModel, ValidationError

from feab.errors import FeabError
from feab.models.cards import CARD_LIMIT, ModelCard, read_card
from feab.models.loading import options_for
from feab.problems import Gather, InFile, problems_in
from feab.yamlfile import line_finder, read_bytes


def check_card_file(path: Path, notes: Gather) -> str:
    """Note everything that is wrong with a model card; returns what it is, in a few words. Loads no model."""
    card = notes.attempt(read_card, None, path)
    if card is None:
        return "model card"
    at = InFile(notes, path, line_finder(read_bytes(path, CARD_LIMIT)))
    try:
        options = options_for(card)
    except FeabError as error:
        for problem in problems_in(error, path):
            message = problem.message.removeprefix("adapter: ") if problem.file == path else str(error)
            at.note(["adapter"], message, "correct it, or put what it names there")
    else:
        _check_arguments(card, options, at)
    _check_facts(card, at)
    return f"model card {card.name}"


def _check_arguments(card: ModelCard, options: type[BaseModel], at: InFile) -> None:
    pinned = {"revision": card.revision} if card.revision is not None and "revision" in options.model_fields else {}
    known = ", ".join(name for name in options.model_fields if name != "seed")
    try:
        options.model_validate({**pinned, **card.args})
    except ValidationError as error:
        for item in error.errors(include_url=False, include_input=False):
            if item["type"] == "extra_forbidden":
                words = f"is no argument of {card.adapter.partition('/')[0]}/…"
                at.note(["args", *item["loc"]], words, f"known are {known}")
            else:
                at.note(["args", *item["loc"]], item["msg"], "correct it, or leave it out")


def _check_facts(card: ModelCard, at: InFile) -> None:
    """What may be as it was meant, but is told."""
    if card.release_date is not None and card.release_date > date.today():
        at.note(["release_date"], "has not come yet", "write the day it came out", severity="warning")
    if card.price is not None and max(card.price.input, card.price.output) > 10_000:
        advice = "write dollars a million tokens"
        at.note(["price"], "is more than 10,000 dollars a million tokens", advice, severity="warning")
