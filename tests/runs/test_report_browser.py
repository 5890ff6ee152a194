"""The report in a real browser: nothing fails, is loaded or overflows, filters work, scripts stay text."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from faces_folder import make_faces, make_script

sys.path.insert(0, str(Path(__file__).parent.parent / "plots"))

from browsing import Opened

import feab

PLANTED = '<script>document.title = "RUN"</script><img src=x onerror="document.title = \'RUN\'">'


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the embedded model on 24 faces a task."""
    pytest.importorskip("transformers")
    run = feab.run("feab-tiny", limit=24, out=tmp_path_factory.mktemp("tiny") / "run")
    return feab.report(run)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a model that answers with markup, in two prompts."""
    folder = tmp_path_factory.mktemp("planted")
    faces = str(make_faces(folder / "made", people=4))
    text = json.dumps(f"fear {PLANTED}")
    script = f'answers: [{{text: {text}, sample: "*_4"}}, {{text: "happiness, AU12"}}]'
    model = f"mock/{make_script(folder, script)}"
    run = feab.run(model, "synth", data=faces, prompts="direct,json", out=folder / "run")
    return feab.report(run, faces)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_quiet_whole_and_fits(browser: Any, real: Path, width: int, scheme: str) -> None:
    with Opened(browser, real, width, scheme) as opened:
        page = opened.page
        page.query_selector("#cards > li:last-child").scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        assert page.evaluate("document.images[document.images.length - 1].naturalWidth") == 224
        assert page.evaluate("document.documentElement.scrollWidth") == width
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(json.loads(background.replace("rgb(", "[").replace(")", "]"))) > 384) == (scheme == "light")
        page.click("#theme")
        page.click("#theme")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 23, 28)"
        assert page.query_selector_all("svg.drawing")
        assert opened.trouble == []
        assert [url for url in opened.requests if not url.startswith("data:")] == [real.as_uri()]


def test_filters_change_what_is_shown_and_the_address_restores_them(browser: Any, real: Path) -> None:
    with Opened(browser, real, 1280, "light") as opened:
        page = opened.page
        total = opened.shown()
        assert total > 24
        assert opened.count() == f"{total} of {total} faces"
        page.check("input[name=mistakes]")
        mistakes = opened.shown()
        assert 0 < mistakes < total
        assert opened.count() == f"{mistakes} of {total} faces"
        page.uncheck("input[name=mistakes]")
        page.select_option("select[name=task]", "synth_action_units")
        page.select_option("select[name=au]", "12")
        page.select_option("select[name=how]", "present")
        with_12 = opened.shown()
        assert with_12 == len(page.query_selector_all('.exchange[data-present~="12"]'))
        assert 0 < with_12 < total
        assert all(e.get_attribute("data-task") == "synth_action_units" for e in visible(page, ".exchange"))
        assert parse_qs(opened.hash.partition("?")[2]) == {
            "task": ["synth_action_units"], "au": ["12"], "how": ["present"]
        }  # fmt: skip
        with Opened(browser, real, 390, "dark", opened.hash) as again:
            assert again.shown() == with_12
            assert again.page.input_value("select[name=au]") == "12"
            again.page.click("#reset")
            assert again.shown() == total
            assert again.hash == "#gallery"
        page.click("#reset")
        sample = page.inner_text("#cards > li:nth-child(3) h4 a")
        page.fill("input[name=text]", sample.upper())
        assert opened.shown() == 1
        page.fill("input[name=text]", "nothing says this")
        assert opened.count() == f"0 of {total} faces"
        assert opened.trouble == []


def visible(page: Any, selector: str) -> list[Any]:
    return [element for element in page.query_selector_all(selector) if element.is_visible()]


def test_a_planted_script_does_nothing_and_is_shown(browser: Any, planted: Path) -> None:
    with Opened(browser, planted, 390, "light") as opened:
        page = opened.page
        page.wait_for_timeout(200)
        assert "RUN" not in page.title()
        assert page.query_selector_all("#cards script, img[onerror]") == []
        assert PLANTED in page.inner_text("#cards")
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert len(page.query_selector_all("script")) == 1
        page.select_option("select[name=prompt]", "json")
        assert {e.get_attribute("data-prompt") for e in visible(page, ".exchange")} == {"json"}
        page.select_option("select[name=said]", "fear")
        assert opened.shown() == 4
        page.select_option("select[name=label]", "neutral")
        assert opened.shown() == 0
        assert opened.trouble == []
        assert [url for url in opened.requests if not url.startswith("data:")] == [planted.as_uri()]


@pytest.mark.parametrize("place", ["#gallery?task=%22%3E%3Cscript%3E&text=%3Cimg%3E&au=x", "#gallery?%", "#%ff?x"])
def test_a_wrong_address_shows_a_page_without_errors(browser: Any, planted: Path, place: str) -> None:
    with Opened(browser, planted, 1280, "light", place) as opened:
        assert opened.trouble == []
        assert opened.count().endswith(" of 40 faces")


def test_without_scripts_everything_is_there(browser: Any, real: Path) -> None:
    with Opened(browser, real, 390, "dark", scripts=False) as opened:
        assert opened.shown() == len(opened.page.query_selector_all("#cards > li")) > 24
        assert not opened.page.is_visible("#filters")
        assert not opened.page.is_visible("#theme")


def test_controls_have_names_and_the_keyboard_reaches_them(browser: Any, planted: Path) -> None:
    with Opened(browser, planted, 1280, "light") as opened:
        page = opened.page
        unnamed = page.evaluate(
            "[...document.querySelectorAll('select, input, button')]"
            ".filter(e => !(e.labels && e.labels.length) && !e.textContent.trim()).length"
        )
        assert unnamed == 0
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.focus("input[name=mistakes]")
        page.keyboard.press("Space")
        assert opened.hash == "#gallery?mistakes=yes"
        assert page.evaluate("[...document.querySelectorAll('th')].every(th => th.scope)")
        assert page.evaluate("[...document.images].every(image => image.alt)")
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids))
