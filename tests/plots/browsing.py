"""A page in a real browser, for tests of every page that feab writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Opened:
    """A page with what it complained about and what it asked for."""

    def __init__(
        self, browser: Any, path: Path, width: int, scheme: str, place: str = "", scripts: bool = True
    ) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 844}, color_scheme=scheme, java_script_enabled=scripts
        )
        self.page = self.context.new_page()
        self.trouble: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.trouble.append(message.text))
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(f"{path.as_uri()}{place}")

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def shown(self) -> int:
        return sum(card.is_visible() for card in self.page.query_selector_all("#cards > li"))

    def count(self) -> str:
        return str(self.page.inner_text("#count"))

    @property
    def hash(self) -> str:
        return str(self.page.evaluate("location.hash"))
