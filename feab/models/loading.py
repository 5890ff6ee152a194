"""From a name to a model: cards, providers, and what the user's arguments mean to them."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from feab.errors import FeabError
from feab.models import cards
from feab.models.cards import ModelCard
from feab.models.protocol import Model
from feab.schemas import Name

PROVIDERS: Mapping[str, str] = MappingProxyType(
    {
        "baseline": "feab.models.baseline",
        "hf": "feab.models.hf",
        "lm-eval": "feab.models.lm_eval",
        "mock": "feab.models.mock",
        "openai": "feab.models.openai",
        "vllm": "feab.models.vllm",
    }
)
"""Provider -> the module that holds its `open_model(name, rest, args, card)` and `options_of(rest)`, the arguments it
takes. Imported on first use."""

_Options = TypeVar("_Options", bound=BaseModel)


def providers() -> tuple[str, ...]:
    """The words a model's name may begin with."""
    return tuple(PROVIDERS)


def load_model(name: str, /, *, include: Sequence[str | os.PathLike[str]] = (), **args: Any) -> Model:
    """Load the model a user names, ready to be asked.

    Args:
        name: a card's name (`feab-tiny`), else provider/rest (`hf/Qwen/Qwen2.5-VL-7B-Instruct`, `mock/answers.yaml`,
            `baseline/uniform`), else the path of a card.
        include: folders of your own cards, searched first.
        args: adapter arguments, as `-M key=value`; text is converted. They win over the card's.

    Raises:
        FeabError: unknown model (with close names), unknown argument (with the valid ones), or a model that cannot be
            loaded (with what to do).
    """
    card = card_of(name, include)
    if card is None:
        return _open(name, name, args, None)
    return _open(card.name, _from_card_folder(card), {**card.args, **args}, card)


def card_of(name: str, include: Sequence[str | os.PathLike[str]] = ()) -> ModelCard | None:
    """The card that a model's name or path leads to; None for a provider/rest without a card.

    Raises:
        FeabError: for a name that leads nowhere (with close names), or a card that is not valid.
    """
    card = cards.find_card(name, include)
    if card is None and _provider(name) not in PROVIDERS:
        path = Path(name).expanduser()
        card_path = path / "card.yaml" if path.is_dir() else path
        if card_path.suffix in {".yaml", ".yml"} and card_path.is_file():
            return cards.read_card(card_path)
        raise FeabError(unknown(name, include))
    return card


def check_name(name: str, include: Sequence[str | os.PathLike[str]] = ()) -> None:
    """What can be told of a name before anything is loaded: whether a run folder can hold it.

    Raises:
        FeabError: for a name that a manifest cannot hold.
    """
    if _provider(name) not in PROVIDERS or cards.find_card(name, include) is not None:
        return  # the card has a name of its own
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError:
        raise FeabError(
            f"model name {name[:60]!r}{'…' if len(name) > 60 else ''}: a run can name a model with 1 to 200 characters "
            "and without < and >; give it a shorter path, or a card with a name of its own"
        ) from None


def parse_options(options: type[_Options], args: Mapping[str, Any], provider: str) -> _Options:
    """The user's arguments, converted and checked.

    Raises:
        FeabError: naming what is wrong, and every valid argument with its meaning.
    """
    try:
        return options.model_validate(dict(args))
    except ValidationError as error:
        valid = "\n".join(
            f"  {key:<18} {field.description} (default {field.default})"
            for key, field in options.model_fields.items()
            if key != "seed"  # --seed on the command line
        )
        detail = cards.invalid(error).replace("Extra inputs are not permitted", "not an argument")
        detail = detail.removeprefix("file: Value error, ")  # of the arguments together
        raise FeabError(f"arguments of {provider}/…: {detail}\nvalid arguments (-M key=value):\n{valid}") from None


def options_given(name: str, include: Sequence[str | os.PathLike[str]] = (), **args: Any) -> BaseModel:
    """The adapter's options that `load_model` would go by, without loading the model.

    Raises:
        FeabError: unknown model or argument, or a wrong value.
    """
    card = card_of(name, include)
    module, rest = _adapter(name if card is None else _from_card_folder(card), card)
    options: type[BaseModel] = module.options_of(rest)
    from_card = {} if card is None else card.args
    return parse_options(options, {**from_card, **args}, _provider(name if card is None else card.adapter))


def options_for(card: ModelCard) -> type[BaseModel]:
    """What the adapter of a card takes as arguments, without loading the model.

    Raises:
        FeabError: when the provider is unknown, or what it is to load is not there.
    """
    module, rest = _adapter(_from_card_folder(card), card)
    options: type[BaseModel] = module.options_of(rest)
    return options


def _provider(name: str) -> str:
    return name.split("/", 1)[0]


def _open(name: str, address: str, args: Mapping[str, Any], card: ModelCard | None) -> Model:
    module, rest = _adapter(address, card)
    model: Model = module.open_model(name, rest, args, card)
    return model


def _adapter(address: str, card: ModelCard | None) -> tuple[ModuleType, str]:
    """The module of a provider, and what follows its name."""
    provider, _, rest = address.partition("/")
    if provider not in PROVIDERS:
        known = ", ".join(f"{word}/…" for word in PROVIDERS)
        where = f"{card.path}: adapter: " if card else ""
        raise FeabError(f"{where}unknown provider {provider!r}; known are {known}")
    if not rest:
        raise FeabError(f"{address!r}: say which model after the provider, as in {provider}/NAME")
    return import_module(PROVIDERS[provider]), rest


def _from_card_folder(card: ModelCard) -> str:
    """The adapter's provider/rest, with `.` or `./...` resolved inside the card's folder."""
    provider, _, rest = card.adapter.partition("/")
    if card.path is None or not (rest == "." or rest.startswith("./")):
        return card.adapter
    folder = card.path.resolve().parent
    target = (folder / rest).resolve()
    if not target.is_relative_to(folder):
        raise FeabError(f"{card.path}: adapter: {rest} leaves the card's folder; write an absolute path")
    return f"{provider}/{target}"


def unknown(name: str, include: Sequence[str | os.PathLike[str]]) -> str:
    """What to tell someone who named a model that is not there: close names, providers, all cards."""
    known = cards.names(include)
    close = difflib.get_close_matches(cards.slug(name), known, n=3, cutoff=0.5)
    message = f"unknown model {name!r}"
    if close:
        message += f"; did you mean {' or '.join(close)}?"
    if Path(name).is_dir():
        message += f"; for a folder with weights write hf/{name}"
    elif re.match(r"^[a-z][a-z0-9_-]*/.", name):
        message += f"; unknown provider {_provider(name)!r}"
    words = ", ".join(f"{word}/…" for word in PROVIDERS)
    return f"{message}. Known providers: {words}; known cards: {', '.join(known) or 'none'}; see `feab models`"
