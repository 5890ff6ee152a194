"""The pages without a browser: what stands on them follows from a link and the store; strangers' text stays text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from boards import Place, with_line, zip_of
from hypothesis import given, settings
from hypothesis import strategies as st
from seen import SCRIPT, Seen
from test_board_table import FRAME

from feab.errors import FeabError
from feab.leaderboard.gaps import difference_of, largest_gap
from feab.leaderboard.pages.columns import COLUMN_WORDS, cell, duration
from feab.leaderboard.pages.compared import around_zero, p_words
from feab.leaderboard.pages.index import Pages
from feab.leaderboard.pages.looking import Looked, Wanted, differ, matching
from feab.leaderboard.pages.ranking import AT_ONCE, ranking, ranking_csv, ranking_plots
from feab.leaderboard.pages.shown import PAGES, link_to, page_of
from feab.leaderboard.pages.submit import checked, verdict_shown, wrong
from feab.leaderboard.service import Service
from feab.leaderboard.tablefile import COLUMNS, frame_of
from feab.plots.pieces import Row
from feab.runs.detail import GroupDetail
from feab.schemas import EstimateModel

# ------------------------------------------------------------------------------------------------------------- ranking


def test_the_ranking_shows_tiers_apart_and_links_that_sort() -> None:
    seen = Seen(ranking(FRAME, "tiers=verified&tiers=rescored&tiers=reported").html)
    assert seen.harmless
    assert seen.words.index("Verified: ") < seen.words.index("Rescored: ") < seen.words.index("Reported: ")
    sorts = [a for a in seen.all("a") if a.get("class") == "sort"]
    assert {a["id"] for a in sorts} >= {"sort-model", "sort-value", "sort-places", "sort-coverage"}
    assert [th["aria-sort"] for th in seen.all("th") if "aria-sort" in th] == ["descending"] * 3
    up = ranking(FRAME, "sort=value&ascending=yes")
    values = [float(v.replace("−", "-")) for v in re.findall(r'<td class="num"><b>([−\d.]+)</b>', str(up.html))]
    assert values
    assert any(values[i] < values[i + 1] for i in range(len(values) - 1))
    assert up.query == "?sort=value&ascending=yes" or up.query == "?ascending=yes"
    assert "not ranked: so" in seen.words
    one, two = "uniform 0.000", "knows the expression, sees no face 0.300"
    assert one in seen.words
    assert two in seen.words


def test_tables_of_one_metric_are_drawn_on_one_axis() -> None:
    rows = [
        {"submission": name, "model": name, "tier": tier, "task": "overall", "metric": "above_chance", "data": "a",
         "value": value, "low": value - 0.01, "high": value + 0.01, "chance": 0.0, "coverage": 1.0}
        for name, tier, value in (("a", "verified", 0.01), ("b", "rescored", 0.9))
    ]  # fmt: skip
    axes = re.findall(r"drawn from [^<]+", str(ranking(frame_of(rows), "").html))
    assert axes == ["drawn from 0.00 to 1.00"] * 2
    (alone,) = re.findall(r"drawn from [^<]+", str(ranking(frame_of(rows[:1]), "").html))
    assert alone == "drawn from 0.00 to 0.02"


def test_human_agreement_stands_beside_agreement_never_beside_the_score() -> None:
    rows = FRAME.assign(as_people=0.5)
    words = Seen(ranking(rows, "").html).words
    assert "one person, beside “as people see it”: 0.740" in words
    assert "As people see it" in words
    assert (
        "As people see it" not in Seen(ranking(rows, "columns=model&columns=value").html).words.partition("Columns")[0]
    )


def test_no_page_says_what_is_not_there() -> None:
    empty = frame_of([])
    assert "Nothing is listed yet" in Seen(ranking(empty, "").html).words
    assert "Nothing fits" in Seen(ranking(FRAME, "search=nowhere").html).words
    told = frame_of(
        [{"model": "m", "task": "rafdb_expression", "tier": "reported", "value": 0.5, "metric": "uar", "data": "R",
          "source": "A paper", "url": "https://x.org/1"}]
    )  # fmt: skip
    seen = Seen(ranking(told, "task=rafdb_expression").html)
    assert "Papers report 1 number" in seen.words
    assert "?task=rafdb_expression&tiers=reported" in seen.links()
    listed = Seen(ranking(told, "task=rafdb_expression&tiers=reported").html)
    assert "A paper" in listed.words
    assert {"https://x.org/1"} <= set(listed.links())
    assert listed.all("input")[-1].get("name") != "models"


def test_a_long_table_is_shown_in_part() -> None:
    rows = [
        {"submission": f"20260101-{i:012x}", "model": f"m{i}", "tier": "rescored", "task": "overall", "value": i / 500,
         "metric": "above_chance", "data": "synth/test", "version": "1", "fingerprint": "f"}
        for i in range(AT_ONCE + 20)
    ]  # fmt: skip
    frame = frame_of(rows)
    part, whole = ranking(frame, ""), ranking(frame, "full=yes")
    assert str(part.html).count('id="pick-') == AT_ONCE
    assert "?full=yes" in Seen(part.html).links()
    assert str(whole.html).count('id="pick-') == AT_ONCE + 20
    assert ranking_csv(frame, "").count("\r\n") == AT_ONCE + 21


def test_strangers_text_is_text_everywhere() -> None:
    rows = FRAME.copy()
    for column in (
        "model",
        "user",
        "licence",
        "description",
        "protocol",
        "data",
        "source",
        "caveat",
        "why_not",
        "season",
    ):
        rows[column] = SCRIPT
    rows["url"] = "javascript:alert(1)"
    for query in ("tiers=", f"tiers=&search={SCRIPT}", "tiers=reported&task=overall"):
        assert Seen(ranking(rows, query).html).harmless
        assert "<script" not in str(ranking(rows, query).html)
    assert "<script" not in str(ranking_plots(rows, "tiers="))
    assert Seen(checked((SCRIPT,))).harmless
    assert Seen(wrong(SCRIPT)).harmless


@settings(max_examples=30)
@given(st.text(max_size=60))
def test_any_query_makes_a_page(query: str) -> None:
    page = ranking(FRAME, query)
    assert Seen(page.html).harmless
    assert page_of(query) in PAGES


def test_every_column_has_words_and_cells_are_short() -> None:
    assert set(COLUMN_WORDS) == {*COLUMNS, "places", "interval"}
    assert [cell("coverage", 0.981), cell("cost_usd", 1234.5), cell("parameters", 7e9), cell("n", 1728)] == [
        "98.1\xa0%", "$1,234.50", "7\xa0B", "1,728"
    ]  # fmt: skip
    assert [cell("model", ""), cell("value", None), cell("may_have_seen", True)] == ["–", "–", "yes"]
    assert [duration(4), duration(720), duration(11520)] == ["4.0\xa0s", "12\xa0min", "3.2\xa0h"]
    assert link_to("compare", models=["a", "b"]) == "?tab=compare&models=a&models=b"
    assert link_to("ranking") == "?"
    assert [p_words(p) for p in (None, 0.0005, 0.0244, 1.0)] == ["–", "< .001", ".024", "1.000"]
    axis = around_zero([Row("", 0.03, -0.01, 0.07)])
    assert axis.low == -axis.high
    assert axis.high >= 0.07


# ---------------------------------------------------------------------------------------------------- gaps of groups


def part(value: float | None, low: float | None = None, high: float | None = None) -> GroupDetail:
    return GroupDetail(n=10, metrics={"f1": EstimateModel(value=value, low=low, high=high, clusters=30)})


def test_a_gap_is_of_the_best_and_the_worst_with_an_interval() -> None:
    gap = largest_gap({"a": part(0.5, 0.4, 0.6), "b": part(0.8, 0.77, 0.84), "c": part(0.6, 0.5, 0.7)}, "f1")
    assert gap is not None
    assert (gap.best, gap.worst) == ("b", "a")
    assert gap.estimate.value == pytest.approx(0.3)
    assert gap.estimate.low == pytest.approx(0.3 - np.hypot(0.03, 0.1))
    assert gap.estimate.high == pytest.approx(0.3 + np.hypot(0.04, 0.1))
    assert largest_gap({"a": part(0.5), "b": part(None)}, "f1") is None
    assert difference_of(EstimateModel(value=0.5), EstimateModel(value=0.2, low=0.1, high=0.3)).low is None


# ----------------------------------------------------------------------------------------------- pages of a real store


@pytest.fixture(scope="module")
def service(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    opened = Service(place.board(tmp_path_factory.mktemp("pages")))
    for name in ("uniform", "always", "majority", "again"):
        assert opened.submit(place.zipped(name), "ada").entry is not None
    bad = opened.submit(zip_of(with_line(place.files("reasons"), 0, answer="bored")), "bob")
    assert bad.entry is None
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def ids(service: Service) -> list[str]:
    return [str(one) for one in service.table()["submission"].dropna().unique()]


def test_compare_shows_differences_matrices_units_and_cost(service: Service, ids: list[str]) -> None:
    pages = Pages(service)
    query = link_to("compare", models=ids[:3])
    found = pages.show(query)
    seen = Seen(found.html)
    assert found.query == query
    assert seen.harmless
    for words in ("3 models compared", "synth_expression: paired differences", "p (Holm)", "Cost and speed",
                  "baseline/uniform − baseline/always-active"):  # fmt: skip
        assert words in seen.words
    behind = Seen(pages.part("behind", query))
    assert behind.harmless
    for words in ("taken for which", "the matrices' difference", "AU12"):
        assert words in behind.words
    assert [a["value"] for a in seen.all("input") if a.get("name") == "models"] == ids[:3]
    drawn = Seen(pages.part("circles", query))
    assert len(drawn.all("svg")) == 3
    assert "Choose two to six" in Seen(pages.show("?tab=compare").html).words
    assert "Choose one more" in Seen(pages.show(link_to("compare", models=ids[:1])).html).words
    same = [one["value"] for one in seen.all("option")]
    assert set(same) == {"", *ids[3:]}


def test_faces_are_filtered_and_paged(service: Service, ids: list[str], place: Place) -> None:
    pages = Pages(service)
    everything = Seen(pages.show(link_to("faces", models=ids[:2])).html)
    assert "1 to 24 of 96 faces" in everything.words  # 12 people with a face of each of 8 expressions
    assert len(everything.all("img")) == 24
    assert any("start=24" in href for href in everything.links())
    last = pages.show(link_to("faces", models=ids[:2], start="72"))
    assert "73 to 96 of 96 faces" in Seen(last.html).words
    assert last.query == link_to("faces", models=ids[:2], start="72")
    fear = Seen(pages.show(link_to("faces", models=ids[:2], label="fear")).html)
    assert "of 12 faces" in fear.words
    assert fear.words.count("displays fear") == 12
    units = Seen(pages.show(link_to("faces", models=ids[:2], task="synth_action_units", au="12")).html)
    assert units.harmless
    assert "false alarms" in units.words
    assert "no face fits" in Seen(pages.show(link_to("faces", models=ids[:2], which="refused")).html).words
    assert "Choose a model" in Seen(pages.show("?tab=faces").html).words
    odd = pages.show(link_to("faces", models=[*ids[:1], "../../etc"], start="9" * 7, group="x=y", au="99"))
    assert Seen(odd.html).harmless


def test_which_faces_a_reader_asks_for(service: Service, ids: list[str]) -> None:
    looked = Looked()
    for task, kept in looked.of(service, ids[0]).items():
        looks = [kept, looked.of(service, ids[2])[task]]
        total = len(kept.results)
        rows = {
            which: set(matching(looks, Wanted(which), frozenset()))
            for which in ("all", "wrong", "any", "right", "differ")
        }
        assert len(rows["all"]) == total
        assert rows["wrong"] <= rows["any"]
        assert not rows["right"] & rows["any"]
        assert rows["any"] == {i for i in range(total) if any(look.wrong[i] for look in looks)}
        assert not differ(kept.faces, kept.faces).any()
        assert rows["differ"] == {i for i in range(total) if differ(looks[1].faces, looks[0].faces)[i]}
        hidden = frozenset(kept.faces.truth.ids[:5])
        assert len(matching(looks, Wanted(), hidden)) == total - 5
    assert looked.of(service, ids[0]) is looked.of(service, ids[0])


def test_a_model_has_its_runs_and_its_history(service: Service) -> None:
    pages = Pages(service)
    seen = Seen(pages.show(link_to("model", model="baseline/uniform")).html)
    assert seen.words.count("Its answers face by face") == 2
    assert "a later submission of the same model" not in seen.words or "not ranked" in seen.words
    assert "accepted" in seen.words
    every = Seen(pages.show("?tab=model").html)
    assert "3 models" in every.words
    assert link_to("model", model="baseline/uniform") in every.links()
    assert "No model has this name" in Seen(pages.show("?tab=model&search=zzz").html).words
    gone = Seen(pages.show(link_to("model", model=SCRIPT)).html)
    assert gone.harmless
    assert "Nothing is listed of this model" in gone.words


def test_about_and_submit_say_what_holds(service: Service) -> None:
    pages = Pages(service)
    about = Seen(pages.show("?tab=about").html)
    for words in ("A display is not a feeling", "Terms: not for", "made/test", "How to cite", "5 attempts"):
        assert words in about.words
    assert "This leaderboard takes no submissions on its page" in Seen(pages.show("?tab=submit").html).words


def test_a_verdict_says_places_or_reasons(place: Place, tmp_path: Path) -> None:
    opened = Service(place.board(tmp_path))
    good = Seen(verdict_shown(opened.submit(place.zipped("expression"), "ada"), 10))
    assert "Listed: baseline/uniform." in good.words
    assert any(href.startswith("?task=synth_expression&search=baseline") for href in good.links())
    bad = opened.submit(zip_of(with_line(place.files(), 0, answer="bored")), "ada")
    seen = Seen(verdict_shown(bad, 10))
    assert "Refused." in seen.words
    assert "bored" in seen.words
    opened.close()


def test_hidden_labels_show_no_face_and_no_matrix(place: Place, tmp_path: Path) -> None:
    opened = Service(place.board(tmp_path, hidden=True))
    for name in ("uniform", "always"):
        assert opened.submit(place.zipped(name), "ada").entry is not None
    ids = [str(one) for one in opened.table()["submission"].dropna().unique()]
    pages = Pages(opened)
    words = Seen(pages.show(link_to("compare", models=ids)).html).words
    assert "paired differences" in words
    assert "The labels are hidden" in words
    with pytest.raises(FeabError, match="hidden"):
        pages.part("behind", link_to("compare", models=ids))
    faces = Seen(pages.show(link_to("faces", models=ids)).html)
    assert "labels are hidden" in faces.words
    assert faces.all("img") == []
    assert Seen(pages.part("circles", link_to("compare", models=ids))).all("svg") == []
    opened.close()


def test_trouble_with_the_store_is_told(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = Pages(service)

    def broken(*_: Any) -> Any:
        raise FeabError("/secret/place/store: cannot be read")

    monkeypatch.setattr(service, "state", broken)
    seen = Seen(pages.show("?tab=about").html)
    assert "This page cannot be shown now" in seen.words
    assert "/secret/place" not in seen.words
