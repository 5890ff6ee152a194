"""What reaches the terminal: plain words on two consoles, and nothing a model or a file could steer it with."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

# C0 and C1 control characters but tab and newline, and the marks that reorder text (bidirectional overrides).
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

WIDE = 160
"""Columns assumed where no terminal says how many there are."""


def clean(text: str) -> str:
    """The text without control characters: no colours, no cursor moves, no reordering."""
    return _UNSAFE.sub("", text)


def console(*, stderr: bool = False) -> Console:
    """A rich console that takes text as it is: no markup, no emoji codes, no guessed highlights."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else WIDE
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=False, width=width)


def say(text: str) -> None:
    """A line to stderr."""
    print(clean(text), file=sys.stderr, flush=True)  # noqa: T201


def out(text: str) -> None:
    """A line to stdout."""
    print(clean(text))  # noqa: T201


def out_json(value: Any) -> None:
    """A JSON document to stdout, which then holds nothing else. ASCII only, so it carries no control characters."""
    import json

    print(json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False))  # noqa: T201


def rows(header: list[str], lines: list[list[str]]) -> None:
    """A borderless table on stdout: aligned on a terminal, tab-separated where a program reads.

    On a terminal that is too narrow for it, each line becomes a paragraph: the first cell, the others under it.
    """
    if not sys.stdout.isatty():
        for line in [header, *lines]:
            print("\t".join(clean(cell).replace("\t", " ").replace("\n", " ") for cell in line))  # noqa: T201
        return
    from rich.measure import Measurement
    from rich.padding import Padding
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in header:
        table.add_column(title, overflow="fold")
    for line in lines:
        table.add_row(*map(clean, line))
    screen = console()
    if Measurement.get(screen, screen.options.update(max_width=10_000), table).maximum <= screen.width:
        screen.print(table)
        return
    for name, *cells in lines:
        screen.print(clean(name), style="bold", soft_wrap=True)
        for title, cell in zip(header[1:], cells, strict=True):
            if cell:
                screen.print(Padding(clean(f"{title}: {cell}"), (0, 0, 0, 2)))


def short_count(number: int) -> str:
    """A number as "1.7M"."""
    for unit, size in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.1f}".removesuffix(".0") + unit
    return str(number)
