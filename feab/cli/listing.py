"""`feab tasks` and `feab models`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from feab.cli.output import rows, say, short_count


def show_tasks(include: Sequence[Path]) -> None:
    """Tasks on stdout, groups after them."""
    from feab.tasks import list_groups, list_tasks

    found = [
        [task.name, task.kind, f"{task.dataset}/{task.split}", ", ".join(task.prompts), task.description]
        for task in list_tasks(include)
    ]
    groups = [
        [name, "group", "", "", "the tasks " + ", ".join(members)] for name, members in list_groups(include).items()
    ]
    rows(["name", "kind", "data", "prompts", "what is asked"], found + groups)


def show_models(include: Sequence[Path]) -> None:
    """Cards on stdout; what else a name may be, on stderr."""
    from feab.models import list_models, providers

    lines = []
    for card in list_models(include):
        size = "" if card.parameters is None else short_count(card.parameters)
        lines.append([card.name, card.access, size, card.licence, card.adapter, card.description])
    rows(["name", "access", "parameters", "licence", "adapter", "what it is"], lines)
    say("\nany other model: " + ", ".join(f"{word}/…" for word in providers()))
