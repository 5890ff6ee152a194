"""Checking a folder of SEKE's prompts: every template is there, may be used, and shows what an answer needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from feab.errors import FeabError
from feab.generation.prompts import unit_words
from feab.generation.record import LEVELS
from feab.generation.wording import VARIABLES, paraphrases, template
from feab.problems import Gather, Problem, warning
from feab.tasks.template import Template
from feab.vocabulary import EXPRESSIONS, FEAB_17

_MARKS = {"given": "what-is-known", "knowledge": "what-goes-together", "answer": "form-of-the-answer"}
"""Variable -> what stands for it while it is looked for."""


def check_prompts(folder: Path, notes: Gather) -> str:
    """Note everything that is wrong with the templates of a folder; returns what it is, in a few words."""
    names = notes.attempt(paraphrases, (), folder)
    if not names:
        return "prompts of SEKE"
    found = {name: notes.attempt(template, None, name, folder) for name in (*VARIABLES, *map("ask_{}".format, names))}
    for name, wording in found.items():
        if wording is not None and name not in VARIABLES:
            _check_wording(wording, folder / f"{name}.j2", notes)
    for path in sorted(folder.glob("*.j2")):
        if path.stem not in found:
            known = ", ".join((*VARIABLES, "ask_NAME"))
            notes.note(warning(Problem(path, "is a template that nothing uses", advice=f"name it one of {known}")))
    return f"prompts of SEKE, {len(names)} paraphrases"


def _check_wording(wording: Template, path: Path, notes: Gather) -> None:
    """Note what a paraphrase does not show: without it some levels could not be answered, or answers not be read."""
    everything: dict[str, Any] = {**unit_words(), **_MARKS, "labels": EXPRESSIONS, "aus": FEAB_17}
    try:
        text = wording.render({**everything, "asked": LEVELS})
        for level in LEVELS:  # each alone, which may fail where all together do not
            wording.render({**everything, "given": "", "knowledge": "", "asked": (level,)})
    except FeabError as error:
        notes.note(Problem(path, str(error)))
        return
    shown = {name: mark in text for name, mark in _MARKS.items()}
    shown["labels"] = all(label in text for label in EXPRESSIONS)
    shown["aus"] = all(str(au) in text for au in FEAB_17)
    for name, there in shown.items():
        if not there:
            notes.note(Problem(path, f"does not show {name}", advice=f"write {{{{ {name} }}}} where it belongs"))
