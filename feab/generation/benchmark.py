"""Conversations in the benchmark's own words: the questions of feab's tasks, answered as their prompts ask for it.

They teach the form of the benchmark along with the faces, and a card must say so; they are made on request only.
"""

from __future__ import annotations

from collections.abc import Sequence

from feab.data.feid.record import FeidLabels
from feab.generation.decks import Decks
from feab.generation.phrases import stratum
from feab.generation.turns import Turn
from feab.tasks import Task
from feab.tasks.answering import Truth, answer_text

STEP = 0.01
"""The grid on which valence and arousal are said."""


def benchmark_turns(tasks: Sequence[Task], decks: Decks, labels: FeidLabels, sample: str) -> list[Turn]:
    """One question of each task whose label the face has, in a prompt dealt evenly; none of a task it has not.

    Args:
        tasks: whose questions are put.
        decks: deals the prompts.
        labels: what holds.
        sample: the face's id, by which shuffled prompts order their options.
    """
    turns = []
    for task in tasks:
        if not _known(task, labels):
            continue
        # Prompts that ask for reasons are answered with the action units, which must be known for it.
        prompts = [name for name in task.prompts if labels.coded or "<answer>" not in task.prompts[name].text]
        if not prompts:
            continue
        prompt = prompts[decks.number(("benchmark", task.name, stratum(labels)), len(prompts))]
        truth = Truth(labels.expression, labels.valence_arousal or (0.0, 0.0), labels.action_units or frozenset())
        answer = answer_text(task, prompt, task.order(prompt, sample), truth, step=STEP)
        template = f"benchmark.{task.name}/{prompt}/-"
        turns.append(Turn(task.prompt_text(prompt, sample), answer, template, about=task.kind))
    return turns


def _known(task: Task, labels: FeidLabels) -> bool:
    if task.kind == "expression":
        return labels.expression in task.labels
    if task.kind == "valence_arousal":
        return labels.valence_arousal is not None
    return labels.action_units is not None and set(task.aus) <= labels.coded
