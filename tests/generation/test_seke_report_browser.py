"""SEKE's report in a real browser: nothing fails, is loaded or overflows, filters work, scripts stay text."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from seke_folder import make_folder

sys.path.insert(0, str(Path(__file__).parent.parent / "plots"))

from browsing import Opened

from feab.generation.seke_report import report_annotations

PLANTED = '<script>document.title = "RUN"</script><img src=x onerror="document.title = \'RUN\'">'


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_folder(tmp_path_factory.mktemp("seke"), 42, said=lambda sample: f"{sample}: {PLANTED}")
    return report_annotations(folder).path


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_page_is_quiet_whole_and_fits(browser: Any, page: Path, width: int, scheme: str) -> None:
    with Opened(browser, page, width, scheme) as opened:
        found = opened.page
        found.query_selector("#cards > li:last-child").scroll_into_view_if_needed()
        found.wait_for_timeout(300)
        assert found.evaluate("document.images[document.images.length - 1].naturalWidth") == 24
        assert found.evaluate("document.documentElement.scrollWidth") == width
        assert len(found.query_selector_all("svg.drawing")) == 11
        ids = found.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids))
        assert found.evaluate("[...document.querySelectorAll('th')].every(th => th.scope)")
        assert found.evaluate("[...document.images].every(image => image.alt)")
        unnamed = "[...document.querySelectorAll('select, input, button')]"
        unnamed += ".filter(e => !(e.labels && e.labels.length) && !e.textContent.trim()).length"
        assert found.evaluate(unnamed) == 0
        assert opened.trouble == []
        assert [url for url in opened.requests if not url.startswith("data:")] == [page.as_uri()]


def test_planted_scripts_do_nothing_and_filters_work(browser: Any, page: Path) -> None:
    with Opened(browser, page, 1280, "light") as opened:
        found = opened.page
        assert "RUN" not in found.title()
        assert found.query_selector_all("#cards script, img[onerror]") == []
        assert len(found.query_selector_all("script")) == 1
        found.click("#cards > li:first-child summary")
        assert PLANTED in found.inner_text("#cards > li:first-child")
        assert opened.shown() == 36
        assert opened.count() == "36 of 36 faces"
        found.select_option("select[name=outcome]", "rejected")
        assert opened.shown() == len(found.query_selector_all("#cards > li:has([data-result=rejected])")) == 12
        found.select_option("select[name=outcome]", "")
        found.select_option("select[name=task]", "expression")
        found.select_option("select[name=result]", "rejected")
        assert opened.shown() == 0
        found.click("#reset")
        found.fill("input[name=text]", "F0003")
        assert opened.shown() == 1
        assert opened.trouble == []


def test_without_scripts_everything_is_there(browser: Any, page: Path) -> None:
    with Opened(browser, page, 390, "dark", scripts=False) as opened:
        assert opened.shown() == 36
        assert not opened.page.is_visible("#filters")
