"""What a perfect reader would answer, in the form that a prompt asks for: for training, never for scoring."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from feab.tasks.task import Task
from feab.vocabulary import ACTION_UNITS

VA_STEP = 0.05
"""VA is said on this grid (our choice): fewer numbers to learn, and the rounding costs a CCC of .9 less than .001."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of one face, ready to be said."""

    expression: str | None
    va: tuple[float, float]
    aus: frozenset[int]


def answer_text(task: Task, prompt: str, order: Sequence[str], truth: Truth, *, step: float = VA_STEP) -> str:
    """The answer a perfect reader would give, in the form this prompt asks for.

    Args:
        task: whose labels or AUs are meant.
        prompt: the prompt's name.
        order: the options as shown (the two axes of VA may be asked in either order).
        truth: what to say. A prompt that asks for reasons is answered with the action units, so these must be known.
        step: the grid on which valence and arousal are said, at least 0.01.
    """
    wording = task.prompts[prompt]
    plain: str
    value: dict[str, Any]
    if task.kind == "expression":
        plain, value = str(truth.expression), {"expression": truth.expression}
    elif task.kind == "valence_arousal":
        numbers = {axis: _on_grid(v, step) for axis, v in zip(("valence", "arousal"), truth.va, strict=True)}
        plain, value = ", ".join(f"{axis}: {numbers[axis]:.2f}" for axis in order), numbers
    else:
        shown = [au for au in task.aus if au in truth.aus]
        plain, value = ", ".join(map(str, shown)) or "none", {"action_units": shown}
    if wording.json:
        return json.dumps(value)
    if "<answer>" in wording.text:
        seen = ", ".join(ACTION_UNITS[au].name for au in sorted(truth.aus)) or "a face at rest"
        return f"Displayed: {seen}. <answer>{plain}</answer>"
    return plain


def _on_grid(value: float, step: float) -> float:
    on = round(round(value / step) * step, 2)
    return 0.0 if on == 0 else on  # not -0.00
