"""Scores by season: beside public faces, with the gap between, on the model's page and on one of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from boards import Place
from seen import SCRIPT, Seen

from feab.errors import FeabError
from feab.leaderboard import Board, LocalStore, Sets
from feab.leaderboard.byseason import by_season, seasons_in
from feab.leaderboard.draws import Draws
from feab.leaderboard.pages.index import Pages
from feab.leaderboard.pages.ranking import ranking
from feab.leaderboard.pages.seasons import gap_words, of_model
from feab.leaderboard.pages.shown import link_to
from feab.leaderboard.seasons import UNSEEN, Season, questions
from feab.leaderboard.service import Service
from feab.leaderboard.tablefile import frame_of
from feab.schemas import EstimateModel


def row(data: str, season: str | None, value: float, **more: object) -> dict[str, object]:
    usual = {
        "submission": f"20270101-{abs(hash((data, value))) % 16**12:012x}", "model": "m", "user": "ada",
        "tier": "rescored" if season is None else "verified", "task": "synth_expression", "version": "1.0",
        "data": data, "fingerprint": data, "season": season, "metric": "macro_f1", "value": value,
        "low": value - 0.03, "high": value + 0.04, "clusters": 36, "best": 1, "worst": 2, "submitted": "2027-01-01",
    }  # fmt: skip
    return {**usual, **more}


ROWS = [
    row("synth-2027-2/test", "2027-2", 0.60),
    row("synth-2027-1/test", "2027-1", 0.70, best=None, worst=None, submitted="2026-01-01"),
    row("synth-2027-1/test", "2027-1", 0.65),
    row("synth/test", None, 0.80),
    row("synth/test", None, 0.90, task="synth_action_units"),
    row("synth/test", None, 0.99, tier="reported"),
    row("synth/test", None, 0.99, model="other"),
]


def test_a_models_scores_stand_by_season_with_the_gap_to_public_faces() -> None:
    frame = frame_of(ROWS)
    found = by_season(frame, "m")
    assert list(found) == ["synth_expression"]  # the other task was in no season
    scores = found["synth_expression"]
    assert [(one.season, one.score.value) for one in scores] == [(None, 0.80), ("2027-1", 0.65), ("2027-2", 0.60)]
    assert [one.place for one in scores] == ["1–2"] * 3
    gap = scores[1].gap
    assert scores[0].gap is None
    assert gap is not None
    assert gap.value == pytest.approx(0.15)
    assert gap.low == pytest.approx(0.15 - np.hypot(0.03, 0.04))  # Zou & Donner, of two independent scores
    assert gap_words(gap) == "0.15 (0.10 to 0.20)"
    assert gap_words(EstimateModel(value=-0.1)) == "−0.10 (no interval)"
    assert seasons_in(frame) == ["2027-2", "2027-1"]
    assert by_season(frame, "other") == {}


def test_there_is_no_gap_where_what_is_public_is_another_thing_or_several() -> None:
    alone = [one for one in ROWS if one["season"] is not None]
    for public in ([], [row("synth/test", None, 0.8, version="2.0")], [row("a/t", None, 0.8), row("b/t", None, 0.7)]):
        scores = by_season(frame_of([*alone, *public]), "m")["synth_expression"]
        assert all(one.gap is None for one in scores)


def test_a_strangers_name_is_text_and_the_ranking_says_what_a_season_is() -> None:
    rows = [{**one, "model": SCRIPT} for one in ROWS]
    drawn = of_model(frame_of(rows), SCRIPT)
    assert len(drawn) == 1
    assert Seen(drawn[0]).harmless
    words = Seen(ranking(frame_of(ROWS), "task=synth_expression&seasons=2027-1").html).words
    assert UNSEEN in words
    assert "Season 2027-1. Unseen, not untrainable" in words
    assert UNSEEN not in Seen(ranking(frame_of(ROWS[3:]), "task=synth_expression").html).words


def test_what_is_asked_is_told_in_the_words_that_are_ranked() -> None:
    told = questions()
    assert [one.task for one in told] == ["synth_expression", "synth_valence_arousal", "synth_action_units"]
    assert all(one.prompt == "direct" and one.text for one in told)
    assert [one.about for one in told] == ["asked_expression", "asked_valence_arousal", "asked_action_units"]


# ----------------------------------------------------------------------------------------------- pages of a real store


@pytest.fixture(scope="module")
def service(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The same faces once with public labels, and once as a season."""
    folder = tmp_path_factory.mktemp("seasonal")
    store = LocalStore(folder / "store")
    open_board = Board(store, place.sets, 1000, Draws(folder / "draws"))
    first = Service(open_board)
    assert first.submit(place.zipped("uniform"), "ada").entry is not None
    first.close()
    hidden = Board(store, Sets(place.hidden.named), 1000, Draws(folder / "draws"))
    one = Season(
        "2027-1", "made", "2027-01-01T00:00:00+00:00", 120, "f" * 64, "e" * 64, folder / "kept", folder / "zip"
    )
    opened = Service(hidden, seasons=[one])
    assert opened.submit(place.zipped("again"), "ada").entry is not None
    yield opened
    opened.close()


def test_the_season_page_shows_seasons_questions_and_scores_and_no_labels(service: Service) -> None:
    pages = Pages(service)
    shown = pages.show("?tab=seasons")
    seen = Seen(shown.html)
    assert seen.harmless
    assert shown.title.startswith("Seasons")
    for words in (UNSEEN, "Season 2027-1", "f" * 64, "e" * 64, "overall: models by season", "public − season",
                  "synth_valence_arousal", "feab leaderboard season 2027-1 --from"):  # fmt: skip
        assert words in seen.words
    assert "/kept" not in str(shown.html)
    chosen = pages.show(link_to("seasons", task="synth_action_units"))
    assert chosen.query == link_to("seasons", task="synth_action_units")
    assert "synth_action_units: models by season" in Seen(chosen.html).words
    assert pages.show(link_to("seasons", task="<b>")).query == link_to("seasons")
    model = Seen(pages.show(link_to("model", model="baseline/uniform")).html)
    assert "Scores by season" in model.words
    assert "synth_expression: scores by season" in model.words


def test_without_seasons_the_page_says_so(place: Place, tmp_path: Path) -> None:
    service = Service(place.board(tmp_path))
    assert "No season yet" in Seen(Pages(service).show("?tab=seasons").html).words
    service.close()


def test_a_hidden_face_is_not_shown_not_even_in_private(service: Service, place: Place) -> None:
    service.private = True
    ids = [str(one) for one in service.table().loc[service.table()["season"].notna(), "submission"].unique()]
    seen = Seen(Pages(service).show(link_to("faces", models=ids)).html)
    service.private = False
    assert "Nothing can be shown face by face" in seen.words
    assert seen.all("img") == []
    with pytest.raises(FeabError, match="hidden"):
        service.scores(ids[0])
