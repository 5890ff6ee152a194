"""What a browser would make of a page, as far as tests look: its elements with their attributes, and its text."""

from __future__ import annotations

from html.parser import HTMLParser


class _Outline(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.texts: list[str] = []
        self.raw: list[str] = []
        self._inside: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self._inside = tag if tag in ("script", "style") else None

    def handle_endtag(self, tag: str) -> None:
        self._inside = None

    def handle_comment(self, data: str) -> None:
        self.tags.append(("!--", ()))

    def handle_data(self, data: str) -> None:
        (self.raw if self._inside else self.texts).append(data)


def parsed(html: str) -> _Outline:
    parser = _Outline()
    parser.feed(html)
    parser.close()
    return parser


def outline(html: str) -> list[tuple[str, tuple[str, ...]]]:
    """Every element in order, with the names of its attributes."""
    return parsed(html).tags


def words(html: str) -> str:
    """The page's text, blanks folded; what stands in scripts and styles is not text."""
    return " ".join("".join(parsed(html).texts).split())
