"""Valence and arousal of several models on the circumplex."""

from __future__ import annotations

from typing import TYPE_CHECKING

from feab.errors import FeabError
from feab.leaderboard.pages.compare import chosen_of, names_of
from feab.leaderboard.pages.looking import Looked
from feab.leaderboard.pages.shown import TEMPLATES
from feab.plots.affect import circumplex_figure
from feab.plots.page import render
from feab.plots.pieces import figure
from feab.runs.drawings import shifts

if TYPE_CHECKING:
    from markupsafe import Markup

    from feab.leaderboard.service import Service


def circles(service: Service, looked: Looked, query: str) -> Markup:
    """For each task about valence and arousal that all answered a circumplex a model, side by side."""
    ids = chosen_of(query, service.table())
    names = names_of([service.entry(one) for one in ids])
    found: dict[str, list[Markup]] = {}
    for number, (one, name) in enumerate(zip(ids, names, strict=True)):
        try:
            tables = looked.of(service, one)
        except FeabError:
            continue
        for place, (task, look) in enumerate(tables.items()):
            faces = look.faces
            if faces.task.kind != "valence_arousal" or faces.silent.all():
                continue
            drawing = circumplex_figure(f"va-{number}-{place}", faces.values, shifts(faces))
            words = f"{name}. Ring: mean label of an expression; line and dot: where the mean answer lies."
            found.setdefault(task, []).append(figure(drawing, words))
    shared = [(task, drawn) for task, drawn in found.items() if len(drawn) == len(ids)]
    return render(TEMPLATES / "circles.html.j2", found=shared)
