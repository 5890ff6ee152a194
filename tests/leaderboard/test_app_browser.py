"""The leaderboard in a real browser: every page works, by keyboard and on a phone, is quiet, and asks nobody else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from boards import Place, with_line, zip_of
from seen import SCRIPT

from feab.leaderboard.service import Service

pytest.importorskip("gradio", reason="gradio is not installed (the leaderboard extra has it)")

from servers import Server, running, token_of

WAIT_MS = 60_000
SIZES = [(1280, "light"), (390, "dark"), (390, "light"), (1280, "dark")]
PAGES = ("", "?tab=compare", "?tab=faces", "?tab=seasons", "?tab=submit", "?tab=model", "?tab=about")


@pytest.fixture(scope="module")
def server(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("app")
    service = Service(place.board(folder))
    for name in ("uniform", "always", "majority"):
        assert service.submit(place.zipped(name), "ada").entry is not None
    marked = with_line(place.files("expression"), 0, text=f"fear {SCRIPT}<img src=x onerror=alert(3)>")
    assert service.submit(zip_of(marked), "eve").entry is not None
    service.close()
    with running(place, folder) as one:
        yield one


class App:
    """A page of the leaderboard, with what it complained about and whom it asked."""

    def __init__(self, browser: Any, server: Server, query: str = "", size: tuple[int, str] = SIZES[0]) -> None:
        self.server = server
        self.context = browser.new_context(viewport={"width": size[0], "height": 844}, color_scheme=size[1])
        self.page = self.context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.trouble: list[str] = []
        self.asked: set[str] = set()
        self.page.on("console", lambda m: self.trouble.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("response", lambda r: self.trouble.append(f"{r.status} {r.url}") if r.status >= 400 else None)
        self.page.on("request", lambda request: self.asked.add(urlsplit(request.url).hostname or ""))
        self.open(query)

    def __enter__(self) -> App:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def open(self, query: str) -> None:
        self.page.goto(f"{self.server.url.rstrip('/')}/{query}")
        self.settle()

    def settle(self) -> None:
        """Until the page is there, with the parts that come later."""
        self.page.wait_for_selector("#board-main:not([aria-busy])")
        self.page.wait_for_function(
            "![...document.querySelectorAll('[data-part]')].some(e => e.textContent.startsWith('Drawing'))"
        )

    def until(self, text: str, where: str = "#board-main") -> None:
        self.page.wait_for_function(
            "([where, text]) => document.querySelector(where)?.innerText.includes(text)", arg=[where, text]
        )
        self.settle()

    @property
    def query(self) -> str:
        return str(self.page.evaluate("location.search"))

    def models(self) -> list[str]:
        return [e.inner_text() for e in self.page.query_selector_all(".ranking tbody th a")]

    def quiet(self) -> None:
        """Nothing failed, and nobody but the server was asked."""
        assert self.trouble == []
        assert self.asked <= {"127.0.0.1", ""}


def test_open_sort_filter_search_and_the_link_brings_it_back(browser: Any, server: Server) -> None:
    with App(browser, server) as app:
        page = app.page
        assert page.title() == "Ranking · feab leaderboard"
        assert len(app.models()) == 3
        assert page.query_selector_all(".ranking .range")
        assert "chance 0.000" in page.inner_text("#board-main")
        page.select_option("#task", "synth_expression")
        app.until("4 scores")
        assert app.query == "?task=synth_expression"
        page.click("#sort-model")
        page.wait_for_selector('th[aria-sort="ascending"] #sort-model')
        assert app.models() == sorted(app.models())
        assert page.evaluate("document.activeElement.id") == "sort-model"
        page.keyboard.press("Enter")
        page.wait_for_selector('th[aria-sort="descending"] #sort-model')
        assert app.models() == sorted(app.models(), reverse=True)
        page.click("#more-columns summary")
        page.check("text=Submitted")
        page.wait_for_selector("#sort-submitted")
        assert page.evaluate("document.querySelector('#more-columns').open")
        page.fill("#search", "always-active")
        app.until("1 score")
        assert page.evaluate("document.activeElement.id") == "search"
        assert app.models() == ["baseline/always-active"]
        there = app.query
        with App(browser, server, there, SIZES[1]) as again:
            assert again.models() == ["baseline/always-active"]
            assert again.page.input_value("#search") == "always-active"
            assert again.page.query_selector("#sort-submitted")
            assert again.query == there
            again.quiet()
        page.fill("#search", "nobody at all")
        app.until("Nothing fits")
        page.click("text=Take all filters away")
        app.until("4 scores")
        page.click("#more-filters summary")
        page.check("text=closed")
        app.until("Nothing fits")
        app.quiet()


def test_the_table_as_a_file(browser: Any, server: Server) -> None:
    with App(browser, server, "?task=synth_expression") as app:
        with app.page.expect_download() as coming:
            app.page.click("text=Download CSV")
        lines = Path(coming.value.path()).read_text().splitlines()
        assert lines[0].startswith("submission,")
        assert len(lines) == 5
        app.quiet()


def test_compare_three_and_look_at_their_faces(browser: Any, server: Server) -> None:
    with App(browser, server) as app:
        page = app.page
        for box in page.query_selector_all('input[name="models"]'):
            box.check()
        page.click("#sort-model")  # what is ticked stays so
        page.wait_for_selector("th[aria-sort] #sort-model")
        page.click("text=Compare ticked")
        app.until("3 models compared")
        for words in ("paired differences", "p (Holm)", "taken for which", "the matrices' difference", "AU12"):
            assert words in page.inner_text("#board-main")
        assert len(page.query_selector_all("svg.drawing")) == 3
        page.click("text=Groups of people") if page.query_selector("#more-groups") else None
        page.click(".chips li:first-child a")
        app.until("2 models compared")
        page.select_option("#models", index=1)
        app.until("3 models compared")
        page.click("text=Look at the faces")
        app.until("1 to 24 of 96 faces")
        assert page.evaluate("document.querySelector('.card img').naturalWidth") == 16
        page.select_option("#which", "differ")
        app.until("of ")
        page.select_option("#label", "fear")
        page.wait_for_function(
            "![...document.querySelectorAll('.card h2 .of')].some(e => e.innerText !== 'displays fear')"
        )
        assert {"which=differ", "label=fear"} <= set(app.query.split("&"))
        app.page.go_back()
        app.until("3 models compared")
        app.quiet()


def test_what_a_model_said_is_text(browser: Any, server: Server) -> None:
    with App(browser, server, "?tab=model&model=baseline%2Funiform") as app:
        app.page.click("text=Its answers face by face")
        app.until("of 96 faces")
        app.page.select_option("#label", "neutral")
        app.until("of 12 faces")
        texts = app.page.inner_text("#board-main")
        assert app.page.query_selector_all("#board-main script, img[onerror]") == []
        while SCRIPT not in texts:
            further = app.page.query_selector("text=Further faces")
            assert further is not None
            further.click()
            app.settle()
            texts = app.page.inner_text("#board-main")
        app.quiet()


def test_submit_a_good_run_and_see_it_ranked_and_a_bad_one_and_read_why(
    browser: Any, server: Server, place: Place, tmp_path: Path
) -> None:
    good, bad, broken = tmp_path / "good.zip", tmp_path / "bad.zip", tmp_path / "broken.zip"
    good.write_bytes(place.zipped("reasons"))
    bad.write_bytes(zip_of(with_line(place.files("again"), 0, answer="bored<b>")))
    broken.write_bytes(b"no zip at all")
    token = token_of(server.folder, "grace")
    with App(browser, server, "?tab=submit") as app:
        page = app.page
        choose = '#board-file input[type="file"]'
        page.set_input_files(choose, broken)
        app.until("not a zip", "#board-checked")
        assert page.is_disabled("#board-send")
        page.click('#board-file button[aria-label="Clear"], #board-file button[aria-label="Remove"]')
        page.wait_for_selector(choose, state="attached")
        page.set_input_files(choose, bad)
        app.until("bored<b>", "#board-checked")
        assert "It would be refused" in page.inner_text("#board-checked")
        assert page.query_selector_all("#board-checked li b") == []
        page.click('#board-file button[aria-label="Clear"], #board-file button[aria-label="Remove"]')
        page.wait_for_selector(choose, state="attached")
        page.set_input_files(choose, good)
        app.until("Nothing is wrong with this file", "#board-checked")
        page.fill("#board-name input, #board-name textarea", "grace")
        page.fill("#board-token input", "a guess")
        page.click("#board-send")
        app.until("name and token do not belong together", "#board-verdict")
        page.fill("#board-token input", token)
        page.click("#board-send")
        app.until("Listed: baseline/uniform.", "#board-verdict")
        assert "attempt 1 of 1,000" in page.inner_text("#board-verdict")
        page.click("text=See it ranked")
        app.until("2 scores")
        assert "asked with prompt reason" in page.inner_text("#board-main")
        app.quiet()


@pytest.mark.parametrize("size", SIZES[:2])
def test_every_page_is_accessible_and_fits(browser: Any, server: Server, size: tuple[int, str]) -> None:
    axe = pytest.importorskip("axe_playwright_python", reason="axe is not installed (the dev extra has it)")
    script = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    with App(browser, server, size=size) as app:
        ids = [e.get_attribute("value") for e in app.page.query_selector_all('input[name="models"]')]
        chosen = "&".join(f"models={one}" for one in ids)
        queries = [*PAGES, f"?tab=compare&{chosen}", f"?tab=faces&{chosen}", "?tab=model&model=baseline%2Funiform",
                   "?search=nobody"]  # fmt: skip
        for query in queries:
            app.open(query)
            app.page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
            assert app.page.evaluate("document.documentElement.scrollWidth") == size[0], query
            app.page.evaluate(script)
            found = app.page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
            serious = [
                (query, one["id"], [node["html"][:200] for node in one["nodes"][:3]])
                for one in found
                if one["impact"] in ("serious", "critical")
            ]
            assert serious == []
            background = app.page.evaluate("getComputedStyle(document.body).backgroundColor")
            levels = [int(level) for level in re.findall(r"\d+", background)]
            assert (sum(levels[:3]) > 384) == (size[1] == "light")
        app.quiet()


def test_the_keyboard_reaches_everything_and_the_theme_is_kept(browser: Any, server: Server) -> None:
    with App(browser, server) as app:
        page = app.page
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.focus("#task")
        page.keyboard.press("End")
        page.wait_for_function("location.search.includes('task=')")
        app.settle()
        assert page.evaluate("document.activeElement.id") == "task"
        page.focus('nav a[data-page="about"]')
        page.keyboard.press("Enter")
        app.until("A display is not a feeling")
        assert page.evaluate("document.activeElement.id") == "board-main"
        assert page.get_attribute('nav a[data-page="about"]', "aria-current") == "page"
        page.click("#board-theme")
        page.click("#board-theme")
        assert page.inner_text("#board-theme") == "Theme: dark"
        app.open("?tab=about")
        assert page.evaluate("document.body.classList.contains('dark')")
        app.quiet()


def test_a_server_that_is_gone_is_told_and_tried_again(browser: Any, server: Server) -> None:
    with App(browser, server) as app:
        app.page.route("**/component_server/**", lambda route: route.abort())
        app.page.click('nav a[data-page="about"]')
        app.until("The leaderboard does not answer")
        app.page.unroute("**/component_server/**")
        app.page.click("text=Try again")
        app.until("A display is not a feeling")


@pytest.mark.parametrize(
    "query", ["?tab=nothing&task=%22%3E%3Cscript%3E", "?%ff&tab=faces&models=../x", "?tab=model&model=%3Cb%3E"]
)
def test_a_strange_link_shows_a_page(browser: Any, server: Server, query: str) -> None:
    with App(browser, server, query) as app:
        assert app.page.query_selector("#board-main .results, #board-main .empty")
        app.quiet()
