"""Checking a model card: its fields, its adapter, what it points to, and the arguments it gives."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pydantic import ValidationError

from feab.errors import FeabError
from feab.models.cards import CARD_LIMIT, ModelCard, read_card
from feab.models.loading import options_for
from feab.problems import Gather, Problem, problems_in, problems_of
from feab.yamlfile import line_finder, read_bytes


def check_card_file(path: Path, notes: Gather) -> str:
    """Note everything that is wrong with a model card; returns what it is, in a few words. Loads no model."""
    card = notes.attempt(read_card, None, path)
    if card is None:
        return "model card"
    line_of = line_finder(read_bytes(path, CARD_LIMIT))
    try:
        options = options_for(card)
    except FeabError as error:
        for problem in problems_in(error, path):
            message = problem.message.removeprefix("adapter: ") if problem.file == path else str(error)
            notes.note(
                Problem(path, message, line_of(["adapter"]), "adapter", "correct it, or put what it names there")
            )
    else:
        given = {
            **({"revision": card.revision} if "revision" in options.model_fields and card.revision else {}),
            **card.args,
        }
        known = ", ".join(name for name in options.model_fields if name != "seed")
        try:
            options.model_validate(given)
        except ValidationError as error:
            for problem in problems_of(error, path, lambda place: line_of(["args", *place])):
                unknown = problem.message.startswith("extra inputs")
                message = f"is no argument of {card.adapter.partition('/')[0]}/…" if unknown else problem.message
                advice = f"known are {known}" if unknown else problem.advice or "see `feab models`"
                notes.note(Problem(path, message, problem.line, f"args.{problem.where}", advice))
    _check_facts(card, path, notes)
    return f"model card {card.name}"


def _check_facts(card: ModelCard, path: Path, notes: Gather) -> None:
    """What may be as it was meant, but is told."""
    line_of = line_finder(read_bytes(path, CARD_LIMIT))

    def warn(field: str, message: str, advice: str) -> None:
        notes.note(Problem(path, message, line_of([field]), field, advice, "warning"))

    if card.access == "closed" and card.price is None:
        warn(
            "access", "closed, but no price is given", "add `price: {input: …, output: …}` in dollars a million tokens"
        )
    if card.release_date is not None and card.release_date > date.today():
        warn("release_date", f"{card.release_date} has not come yet", "write the day it came out")
    if card.price is not None and max(card.price.input, card.price.output) > 10_000:
        warn("price", "more than 10,000 dollars a million tokens", "write dollars a million tokens")
