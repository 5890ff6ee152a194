"""A piece of a page as tests look at it, and text that must stay text."""

from __future__ import annotations

from html.parser import HTMLParser

SCRIPT = "<script>alert(1)</script>${alert(2)}{{value}}"


class Seen(HTMLParser):
    """The tags and attributes of a piece of a page."""

    def __init__(self, html: object) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(str(html))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def links(self) -> list[str]:
        return [attributes["href"] or "" for attributes in self.all("a")]

    @property
    def harmless(self) -> bool:
        """No script, no handler, and no link to anything but a page."""
        handlers = [name for _, attributes in self.tags for name in attributes if name.startswith("on")]
        wild = [href for href in self.links() if not href.startswith(("?", "https://", "http://"))]
        return not handlers and not wild and not {"script", "iframe", "object", "style"} & {t for t, _ in self.tags}
