"""A matplotlib figure as inline SVG in the page's own colours and type.

matplotlib draws in colours that stand for roles; here they become the page's CSS variables, so that one drawing is
right in a light and in a dark theme. The SVG is parsed and written anew, and only what a drawing needs is kept.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from feab.plots.text import shortened, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markupsafe import Markup
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, LINE, ACCENT, WARM = "#010101", "#010102", "#010103", "#010104", "#010105"
"""Colours to draw with: text, lesser text, grid lines, the model's answers, what deserves a look."""

_VARIABLES: Mapping[str, str] = {INK: "ink", MUTED: "muted", LINE: "line", ACCENT: "accent", WARM: "warm"}
_KEPT = frozenset({"svg", "g", "path", "use", "text", "tspan", "defs", "clipPath", "rect", "title"})
_ATTRIBUTES = frozenset({"d", "x", "y", "width", "height", "style", "transform", "viewBox", "clip-path", "href", "id"})
_LONG_NUMBER = re.compile(r"-?\d+\.\d{2,}")
_NO_ROTATION = re.compile(r"rotate\(-?0 ")
_FONT = re.compile(r"font-family:[^;]*;? ?")
_COLOUR = re.compile("|".join(_VARIABLES))


@contextmanager
def drawing(width: float = 3.4, height: float = 3.4) -> Iterator[tuple[Figure, Axes]]:
    """A figure of `width` by `height` inches with one empty plot, to draw on and give to `svg_of` inside the block."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    style: dict[str, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "feab",
        "text.parse_math": False,
        "font.size": 9,
        "text.color": INK,
        "axes.labelcolor": MUTED,
        "axes.edgecolor": LINE,
        "xtick.color": LINE,
        "ytick.color": LINE,
        "xtick.labelcolor": MUTED,
        "ytick.labelcolor": MUTED,
        "axes.facecolor": "none",
        "figure.facecolor": "none",
    }
    with rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the browser has its own fonts
        figure = Figure(figsize=(width, height))
        FigureCanvasSVG(figure)
        yield figure, figure.add_axes((0.15, 0.13, 0.82, 0.82))
        figure.clear()  # its parts refer to each other, and would stay in memory until they are looked for


def bare(axes: Axes) -> None:
    """Grid lines and no frame."""
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0)
    axes.set_axisbelow(True)
    axes.grid(color=LINE, linewidth=0.5)


def shares(axes: Axes) -> None:
    """Both axes from 0 to 1, with grid lines and no frame."""
    steps = (0, 0.25, 0.5, 0.75, 1)
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xticks=steps, yticks=steps)
    bare(axes)


def plain(text: str) -> str:
    """A label as a drawing may hold it: one short line, nothing that steers or hides."""
    return visible(shortened(" ".join(text.split()), 40))


def svg_of(figure: Figure, name: str, title: str) -> Markup:
    """The figure as an `<svg>` element.

    Args:
        figure: drawn in the colours above.
        name: letters, digits and hyphens, of this drawing alone: it begins the ids inside.
        title: what the drawing shows, for those who do not see it.
    """
    from markupsafe import Markup

    with io.BytesIO() as file:
        figure.savefig(file, format="svg", metadata={"Date": None})
        root = ElementTree.fromstring(file.getvalue())  # noqa: S314 - matplotlib wrote it a moment ago
    _clean(root, name)
    root.attrib = {"viewBox": root.attrib["viewBox"], "role": "img", "class": "drawing"}
    label = ElementTree.Element("title")
    label.text = visible(shortened(title, 300))
    root.insert(0, label)
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704 - ElementTree escapes all text


def _clean(element: ElementTree.Element, name: str) -> None:
    """Keep only what a drawing needs, in short numbers and the page's colours."""
    element.tag = element.tag.rpartition("}")[2]
    attributes = {key.rpartition("}")[2]: value for key, value in element.attrib.items()}
    if element.tag not in ("path", "clipPath"):
        attributes.pop("id", None)
    element.attrib = {key: _value(key, value, name) for key, value in attributes.items() if key in _ATTRIBUTES}
    if _NO_ROTATION.match(attributes.get("transform", "")):
        del element.attrib["transform"]
    element.tail = None
    if element.tag not in ("text", "tspan", "title"):
        element.text = None
    for child in list(element):
        if isinstance(child.tag, str) and child.tag.rpartition("}")[2] in _KEPT:
            _clean(child, name)
        else:
            element.remove(child)
    _hoist(element)


def _value(key: str, value: str, name: str) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key in ("href", "clip-path"):
        return value.replace("#", f"#{name}-")
    if key == "style":
        return _COLOUR.sub(lambda m: f"var(--{_VARIABLES[m[0]]})", _FONT.sub("", value))
    if key == "d":
        value = " ".join(value.split())
    return _LONG_NUMBER.sub(lambda m: f"{float(m[0]):.1f}".removesuffix(".0"), value)


def _hoist(element: ElementTree.Element) -> None:
    """A style that all marks of a group share is written once, on the group."""
    styles = {child.get("style") for child in element}
    if (
        len(element) > 1
        and {child.tag for child in element} == {"use"}
        and len(styles) == 1
        and (style := styles.pop())
    ):
        element.set("style", style)
        for child in element:
            del child.attrib["style"]
