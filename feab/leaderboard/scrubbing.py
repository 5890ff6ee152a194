"""What leaves the machine with a submission: no key, no path of this machine, no address of it, no user's reference.

Of the manifest only what is listed here is kept, so that a field that is added later does not leave by oversight.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from feab.runs.identity import identity_sha256
from feab.schemas import Identity, RunManifest

LOCAL_PATH, LOCAL_ADDRESS, SECRET = "(local path)", "(local address)", "(left out)"
"""What stands in the place of a value that is not sent."""

_SENT = (
    "feab_version", "versions", "git_commit", "git_dirty",
    "created", "updated", "expected", "outcomes", "input_tokens", "output_tokens",
    "cost_usd", "failed_input_tokens", "failed_output_tokens", "wall_s", "provenance", "au_threshold",
)  # fmt: skip
"""Fields of the manifest that are sent as they are, beside the identity."""

_MACHINE = ("system", "machine", "cores", "memory_gib", "gpus", "model")
_SECRET_NAME = re.compile(r"(?i)(^|_)(key|token|secret|password|passwd|authorization|auth|headers?|cookie)(s?$|_)")
_COUNT = re.compile(r"(?i)tokens$")  # max_tokens is a number of tokens, and no secret
_PATH = re.compile(r"(?:~|\.{1,2})?[/\\]|[A-Za-z]:[/\\]|file:", re.IGNORECASE)
_URL = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_KEY = re.compile(
    r"\b(?:sk-[A-Za-z0-9_-]{20,}|hf_[A-Za-z0-9]{30,}|gh[pousr]_[A-Za-z0-9]{30,}|AIza[A-Za-z0-9_-]{30,}"
    r"|AKIA[A-Z0-9]{16}|xox[abp]-[A-Za-z0-9-]{20,}|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.)"
)
"""Keys of providers by their published forms, and JSON web tokens."""
_PUBLIC = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}")
_PRIVATE_ENDS = frozenset(
    {"local", "localhost", "localdomain", "internal", "intranet", "lan", "home", "corp", "private"}
)
"""Ends of names that are not on the public internet (RFC 6762 appendix G and custom)."""


def scrubbed(manifest: RunManifest) -> RunManifest:
    """The manifest as it may be sent. Where something of the identity is left out, its hash is made anew."""
    identity = manifest.identity
    plain: Identity = identity.model_copy(
        update={
            "model": _name(identity.model),
            "revision": None if identity.revision is None else _text(identity.revision),
            "adapter_args": _value(identity.adapter_args, ""),
            "sampling": _value(identity.sampling, ""),
        }
    )
    kept = {field: getattr(manifest, field) for field in _SENT}
    machine = {name: _value(manifest.machine[name], name) for name in _MACHINE if name in manifest.machine}
    return RunManifest(identity=plain, identity_sha256=identity_sha256(plain), machine=machine, **kept)


def _name(model: str) -> str:
    """A model's name; of one that is a path, its last part."""
    provider, slash, rest = model.partition("/")
    if _PATH.match(model):
        return Path(model.replace("\\", "/")).name or LOCAL_PATH
    return f"{provider}/{Path(rest).name}" if slash and _PATH.match(rest) else model


def _value(value: Any, name: str) -> Any:
    if _SECRET_NAME.search(name) and not _COUNT.search(name) and value is not None:
        return SECRET
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return {str(_text(str(key))): _value(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_value(inner, name) for inner in value]
    return value


def _text(text: str) -> str:
    if _KEY.search(text):
        return SECRET
    if _URL.match(text):
        return _address(text)
    return LOCAL_PATH if _PATH.match(text) or str(Path.home()) in text else text


def _address(url: str) -> str:
    """A public address over https without user, password and query; anything else may name a machine of the user's."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return LOCAL_ADDRESS
    if parts.scheme != "https" or not _PUBLIC.fullmatch(host) or host.rpartition(".")[2] in _PRIVATE_ENDS:
        return LOCAL_ADDRESS
    return f"https://{host}{parts.path}"


def secrets_in(line: bytes) -> Iterator[str]:
    """What a line of answers holds that should not leave the machine, in words."""
    text = line.decode("utf-8", "replace")
    if _KEY.search(text):
        yield "what looks like a provider's key"
    home = str(Path.home())
    if len(home) > len("/root") and home in text:
        yield "the path of your home folder"
