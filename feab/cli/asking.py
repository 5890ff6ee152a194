"""`feab ask`: what a model says about pictures."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from feab.cli.output import clean, console, out_json
from feab.cli.run import parse_arguments
from feab.models import load_model
from feab.runs.pictures import Said, ask_about
from feab.runs.words import value_in_words
from feab.schemas import answer_json

OPTIONS = {name: f"--{name}" for name in ("model", "tasks", "prompts", "seed", "include")}
"""What `-M` does not set: the verb's own options, by name."""


def ask_and_show(
    model: str,
    pictures: Sequence[Path],
    tasks: Sequence[str],
    prompt: str,
    include: Sequence[Path],
    arguments: Sequence[str],
    *,
    seed: int,
    as_json: bool,
) -> int:
    """Ask, print each answer as it comes, and return the exit status: 3 when a question failed."""
    failed = False
    found = []
    with closing(load_model(model, include=include, **parse_arguments(arguments, OPTIONS))) as loaded:
        shown: Path | None = None
        for said in ask_about(loaded, pictures, tasks, prompt=prompt, seed=seed, include=include):
            failed = failed or said.error is not None
            if as_json:
                found.append(_plain(said))
                continue
            if said.picture != shown:
                shown = said.picture
                console().print(clean(str(shown)), style="bold", soft_wrap=True)
            _print(said)
    if as_json:
        out_json(found)
    return 3 if failed else 0


def _print(said: Said) -> None:
    screen = console()
    if said.error is not None:
        screen.print(clean(f"  {_kind(said)}: failed ({said.error.kind}: {said.error.message})"), soft_wrap=True)
        return
    assert said.text is not None
    screen.print(clean(f"  {_kind(said)}: {in_words(said)}"), soft_wrap=True)
    words = clean(said.text).strip() or "(nothing)"
    screen.print("\n".join(f"    | {line}" for line in words.splitlines()), style="dim", soft_wrap=True)


def _kind(said: Said) -> str:
    return said.question.kind.replace("valence_arousal", "valence, arousal").replace("_", " ")


def in_words(said: Said) -> str:
    """The parsed answer as a person would say it."""
    answer = said.answer
    assert answer is not None
    if answer.value is None:
        return f"no answer ({answer.outcome})"
    return value_in_words(answer.value)


def _plain(said: Said) -> dict[str, Any]:
    value = None if said.answer is None else answer_json(said.answer)
    return {
        "picture": str(said.picture),
        "task": said.question.task,
        "prompt": said.question.prompt,
        "kind": said.question.kind,
        "answer": value if value is None or isinstance(value, (str, list)) else value.model_dump(),
        "outcome": "error" if said.answer is None else str(said.answer.outcome),
        "text": said.text,
        "error": None if said.error is None else {"kind": said.error.kind, "message": said.error.message},
    }
