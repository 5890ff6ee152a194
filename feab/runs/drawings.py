"""The figures of a report that need every face, not only the scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from feab.plots.affect import MOST_POINTS, Shift, agreement_figure, circumplex_figure
from feab.plots.pieces import figure
from feab.runs.faces import Faces
from feab.runs.sections import Block

MIN_FACES = 5
"""Fewer answered faces of an expression give no mean worth an arrow (our choice)."""
FREE = "(unlabelled)"


def face_blocks(name: str, prompts: Mapping[str, Faces]) -> Iterator[Block]:
    """The figures of a task, from its own prompt: valence and arousal alone have some.

    `name` begins the ids inside the drawings: letters, digits and hyphens, of this task alone.
    """
    faces = next(iter(prompts.values()), None)
    if faces is None or faces.task.kind != "valence_arousal" or faces.silent.all():
        return
    truth, answers = faces.truth.values, faces.values
    drawn = [
        figure(
            agreement_figure(f"{name}-{axis}", axis, truth[:, column], answers[:, column]),
            f"{axis.capitalize()}, a point a face. On the diagonal, answer and label agree.",
        )
        for column, axis in enumerate(("valence", "arousal"))
    ]
    moves = shifts(faces)
    words = "Circumplex. Faint: each answer."
    if moves:
        words += " Ring: mean label of an expression; line and dot: where the mean answer lies."
    drawn.append(figure(circumplex_figure(f"{name}-circumplex", answers, moves), words))
    answered = int((~faces.silent).sum())
    lead = f"{answered:,} answered faces, prompt {faces.prompt}."
    if answered > MOST_POINTS:
        lead = f"A random {MOST_POINTS:,} of {answered:,} answered faces, prompt {faces.prompt}; means are over all."
    yield Block("Answers beside labels", lead, drawn, grid=True)


def shifts(faces: Faces) -> list[Shift]:
    """For each expression (and the faces without one) its mean label and the mean answer, over answered faces."""
    labels = np.array([label if label is not None else FREE for label in faces.truth.expression], dtype=object)
    names = [str(name) for name in dict.fromkeys(labels)]
    if names == [FREE]:
        return []
    found = []
    for name in names:
        rows = (labels == name) & ~faces.silent
        if rows.sum() >= MIN_FACES:
            truth, answer = faces.truth.values[rows].mean(axis=0), faces.values[rows].mean(axis=0)
            found.append(Shift(name, (float(truth[0]), float(truth[1])), (float(answer[0]), float(answer[1]))))
    return found[:12]
