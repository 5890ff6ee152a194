"""The one template environment of all pages: whatever a template prints is bounded, made visible and escaped."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feab.plots.text import shortened, visible

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

NOTHING = "–"
"""Stands for a number that there is not."""


@cache
def _environment(folder: Path) -> jinja2.Environment:
    import jinja2

    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, Path(__file__).parent]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_printed,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"number": number, "percent": percent, "short": shortened, "breakable": _breakable}
    return found


def _printed(value: Any) -> Any:
    """What a template prints for a value, before it is escaped. Only pieces made by `render` are taken as they are."""
    from markupsafe import Markup

    if value is None:
        return NOTHING
    if isinstance(value, Markup):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return visible(shortened(str(value)))


def _breakable(text: str) -> Markup:
    """A name that may be broken after its underscores and slashes, for narrow columns."""
    from markupsafe import Markup

    parts = (Markup("/<wbr>").join(part.split("/")) for part in _printed(text).split("_"))
    return Markup("_<wbr>").join(parts)


def render(template: Path, /, **values: Any) -> Markup:
    """A piece of a page, from a template file that the package holds."""
    from markupsafe import Markup

    return Markup(_environment(template.parent).get_template(template.name).render(**values))  # noqa: S704


def stream(template: Path, /, **values: Any) -> Iterator[str]:
    """The same, bit by bit, so that a long page is never whole in memory."""
    return _environment(template.parent).get_template(template.name).generate(**values)


def number(value: float | None, digits: int = 3, *, signed: bool = False) -> str:
    """A number as tables print it: "0.964", "−0.120"; a dash for None."""
    if value is None:
        return NOTHING
    text = f"{value:{'+' if signed else ''}.{digits}f}"
    return text.replace("-", "−") if float(text) else text.lstrip("-")


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction as "98.3 %"; a dash for None. 100 % stands for all, never for nearly all."""
    if value is None:
        return NOTHING
    shown = round(100 * value, digits)
    if shown == 100 and value < 1:
        shown = 100 - 10**-digits
    return f"{shown:.{digits}f}\N{NO-BREAK SPACE}%" if shown not in (0, 100) else f"{shown:.0f}\N{NO-BREAK SPACE}%"
