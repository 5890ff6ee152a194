"""The words of SEKE's questions: the templates of `generation/prompts/`.

    ask_NAME.j2        a question about all that is missing; each file is one paraphrase
    know_PART.j2       a part of the knowledge: likely, appearance, contradictions
    given.j2           the labels that are known
    verify_LEVEL.j2    a question about one candidate

They are written in the small part of Jinja that tasks' prompts may use (`feab.tasks.template`): sandboxed, strict about
names that are not there, and unable to run or grow without bound. To add a paraphrase, add a file.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from feab.content import shipped
from feab.errors import FeabError
from feab.knowledge import load_action_units
from feab.problems import FileError, Problem
from feab.tasks.template import MAX_TEMPLATE, Template
from feab.yamlfile import read_text

_NAMES = ("names", "looks")
_GIVEN = ("expression", "valence", "arousal", "present", "absent")
_ASK = ("given", "knowledge", "asked", "labels", "aus", "answer")
_KNOW = (
    *("asked", "known", "candidates", "chances", "typical", "shares", "valences", "arousals", "against"),
    *("likely", "unlikely", "rates", "rare", "seen", "apart", "axes", "lows", "highs", "least", "most"),
)
_VERIFY = ("given", "known", "options")

VARIABLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "given": (*_NAMES, *_GIVEN),
        "know_likely": (*_NAMES, *_KNOW),
        "know_appearance": (*_NAMES, *_KNOW),
        "know_contradictions": (*_NAMES, *_KNOW),
        "verify_expression": (*_NAMES, *_VERIFY, "typical", "shares"),
        "verify_action_units": (*_NAMES, *_VERIFY, "au"),
        "verify_valence_arousal": (*_VERIFY, "axis", "candidate", "candidates", "levels"),
    }
)
"""Template -> the names that it may use; a folder of templates holds all of these, and at least one `ask_NAME`."""

_ASKS = (*_NAMES, *_ASK)
_PARAPHRASE = re.compile(r"ask_([a-z][a-z0-9_]{0,40})\.j2")
MAX_PARAPHRASES = 100


def prompts_folder(folder: Path | None = None) -> Path:
    """`folder`, or that of the shipped templates."""
    return folder or shipped("generation") / "prompts"


@lru_cache(maxsize=8)
def paraphrases(folder: Path | None = None) -> tuple[str, ...]:
    """The names of all paraphrases, in alphabetical order.

    Raises:
        FeabError: when the folder cannot be read, or holds none or too many.
    """
    place = prompts_folder(folder)
    try:
        matches = [_PARAPHRASE.fullmatch(path.name) for path in place.iterdir()]
    except OSError as error:
        raise FeabError(f"{place}: cannot read this folder of prompts ({error.strerror})") from None
    found = sorted(match[1] for match in matches if match)
    if not 1 <= len(found) <= MAX_PARAPHRASES:
        raise FeabError(f"{place}: holds {len(found)} templates ask_NAME.j2; there must be 1 to {MAX_PARAPHRASES}")
    return tuple(found)


@lru_cache(maxsize=256)
def template(name: str, folder: Path | None = None) -> Template:
    """A template by its file's name without `.j2`.

    Raises:
        FeabError: when it is missing or wrong; the message names the file.
    """
    source = _source(name, folder)
    try:
        return Template(source, VARIABLES.get(name, _ASKS))
    except FeabError as error:
        raise FileError(Problem(prompts_folder(folder) / f"{name}.j2", str(error))) from None


def _source(name: str, folder: Path | None) -> str:
    if name not in (known := _all(folder)):
        raise FeabError(f"{prompts_folder(folder)}: no template {name!r}; there are {', '.join(known)}")
    return read_text(prompts_folder(folder) / f"{name}.j2", 4 * MAX_TEMPLATE)


def _all(folder: Path | None) -> tuple[str, ...]:
    return (*VARIABLES, *(f"ask_{name}" for name in paraphrases(folder)))


@lru_cache(maxsize=8)
def wording_sha256(folder: Path | None = None) -> str:
    """A hash of all words that questions are made of, but for the numbers of the knowledge: for manifests.

    Raises:
        FeabError: when a template is missing or wrong.
    """
    words = {name: _source(name, folder) for name in _all(folder) if template(name, folder)}
    units = {au: [unit.name, unit.appearance] for au, unit in load_action_units().items()}
    text = json.dumps([words, units], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
