"""What a run is: everything that changes its answers, hashed into the name of its folder."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from feab.errors import FeabError
from feab.schemas import Identity

if TYPE_CHECKING:
    from feab.models import ModelInfo

I = TypeVar("I", bound=BaseModel)  # noqa: E741

FOLDER_DIGITS = 12


def identity_of(kind: type[I], info: ModelInfo, asked: Mapping[str, Any]) -> I:
    """What was asked, of that model.

    Raises:
        FeabError: when the model says something of itself that a manifest cannot hold, such as an over-long name.
    """
    try:
        return kind(
            model=info.name,
            revision=info.revision,
            adapter=info.adapter,
            adapter_version=info.adapter_version,
            adapter_args=dict(info.args_that_change_answers),
            **asked,
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise FeabError(f"model {info.name[:60]!r}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def identity_sha256(identity: BaseModel) -> str:
    """sha256 of the identity as canonical JSON (sorted keys, no spaces, ASCII)."""
    plain = identity.model_dump(mode="json")
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def default_folder(identity: Identity, root: Path) -> Path:
    """`<root>/<model, odd characters as ->/<first 12 hex of the identity's sha256>`."""
    name = re.sub(r"[^A-Za-z0-9._-]", "-", identity.model)
    if name.strip(".") == "":  # "." and ".." would leave the folder
        name = "-" + name
    return root / name[:150] / identity_sha256(identity)[:FOLDER_DIGITS]


def differences(there: BaseModel, here: BaseModel) -> list[str]:
    """What differs, a line each: "seed: 0 there, 1 here"."""
    old, new = (dict(_leaves(_whole(identity))) for identity in (there, here))
    missing = "(none)"
    return [
        f"{name}: {_short(old.get(name, missing))} there, {_short(new.get(name, missing))} here"
        for name in dict.fromkeys([*old, *new])
        if old.get(name, missing) != new.get(name, missing)
    ]


def _whole(identity: BaseModel) -> dict[str, Any]:
    """All fields, also one that is not written where it has its default."""
    return identity.model_dump(mode="json") | ({"scoring": identity.scoring} if isinstance(identity, Identity) else {})


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
