"""The table and what readers make of it: places, filters, searches, links, CSV, the front and the lines."""

from __future__ import annotations

import csv
import io
import random
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from boards import Place, zip_of
from hostile_submissions import drop_line
from hypothesis import given
from hypothesis import strategies as st

from feab.errors import FeabError
from feab.leaderboard import (
    View,
    choices,
    decode,
    encode,
    load_table,
    on_front,
    rebuild,
    receive,
    reference_lines,
    score_plot,
    shown,
    to_csv,
    withdraw,
)  # fmt: skip
from feab.leaderboard.choosing import interval, place, size
from feab.leaderboard.records import Tier
from feab.leaderboard.reported import read_reported
from feab.leaderboard.tablefile import COLUMNS, frame_of
from feab.runs import load_run
from feab.runs.comparing import compare

REPORTED = b"""
sources:
  paper: {title: A paper, url: https://example.org/a, read_from: table 1, caveat: one run}
numbers:
  - {model: old, data: RAF-DB, task: rafdb_expression, kind: expression, metric: accuracy, value: 0.9, source: paper}
"""


@pytest.fixture(scope="module")
def boarded(place: Place, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, dict[str, str]]:
    board = place.board(tmp_path_factory.mktemp("table"))
    ids = {}
    for name in ("uniform", "always", "again", "reasons", "expression"):
        entry = receive(board, place.zipped(name), user="bob" if name == "expression" else "ada").entry
        assert entry is not None
        ids[name] = entry.id
    (Path(board.store.name) / "reported.yaml").write_bytes(REPORTED)
    rebuild(board.store, board.sets, board.draws)
    return board, load_table(board.store, board.sets, board.draws), ids


def one(frame: Any, submission: str, task: str) -> dict[str, Any]:
    (row,) = frame[(frame["submission"] == submission) & (frame["task"] == task)].to_dict("records")
    return dict(row)


def test_the_table_says_what_comparing_says(boarded: Any, place: Place) -> None:
    _, frame, ids = boarded
    assert list(frame.columns) == list(COLUMNS)
    found = compare([load_run(place.runs[name]) for name in ("uniform", "always")], place.folder / "made")
    for task in (*found.tasks, found.overall):
        for name, standing in zip(("uniform", "always"), task.standings, strict=True):
            row = one(frame, ids[name], task.name)
            assert row["value"] == pytest.approx(standing.score.value)
            if task.name != "synth_expression":  # there a third model, of bob's, stands beside them
                assert (row["best"], row["worst"]) == (standing.best, standing.worst)


def test_what_is_not_ranked_says_why(boarded: Any) -> None:
    _, frame, ids = boarded
    assert one(frame, ids["again"], "overall")["why_not"] == "a later submission of the same model by the same user"
    assert one(frame, ids["reasons"], "overall")["why_not"] == "asked with prompt reason, and direct is ranked"
    assert one(frame, ids["expression"], "synth_expression")["best"] >= 1  # another user's, about another set of tasks
    reported = frame[frame["tier"] == "reported"].iloc[0]
    assert reported["why_not"] == "a number of a paper, not scored here"
    assert "https://example.org/a" in reported["source"]
    assert reported["caveat"] == "one run"
    assert frame[frame["best"].isna()]["why_not"].notna().all()


def test_another_prompt_and_few_answers_are_not_ranked(place: Place, tmp_path: Path) -> None:
    import json

    from boards import zip_of

    board = place.board(tmp_path)
    verdict = receive(board, place.zipped("reasons"), user="ada")
    assert set(verdict.why_not.values()) == {"asked with prompt reason, and direct is ranked"}
    files = place.files()
    lines = [json.loads(line) for line in files["predictions.jsonl"].splitlines()]
    for line in lines[:60]:
        line.update(answer=None, outcome="refused", text="I cannot do that.")
    files["predictions.jsonl"] = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    manifest = json.loads(files["manifest.json"])
    manifest["outcomes"].update(ok=len(lines) - 60, refused=60)
    files["manifest.json"] = json.dumps(manifest).encode()
    verdict = receive(board, zip_of(files), user="ada")
    assert verdict.entry is not None, verdict.problems
    assert verdict.places == {}
    assert all("98% are needed" in why for why in verdict.why_not.values())


def test_a_lost_cache_and_a_lost_table_change_nothing(boarded: Any, place: Place, tmp_path: Path) -> None:
    board, frame, _ = boarded
    from feab.leaderboard.draws import Draws

    elsewhere = replace(board, draws=Draws(tmp_path))
    assert load_table(board.store, board.sets, elsewhere.draws).equals(frame)
    (Path(board.store.name) / "table.parquet").unlink()
    again = load_table(board.store, board.sets, elsewhere.draws)
    assert again.drop(columns=["attempts"]).equals(frame.drop(columns=["attempts"]))
    rebuild(board.store, board.sets, board.draws)


def test_a_withdrawn_submission_makes_room_for_the_next(place: Place, tmp_path: Path) -> None:
    board = place.board(tmp_path)
    first = receive(board, place.zipped("uniform"), user="ada").entry
    second = receive(board, place.zipped("again"), user="ada").entry
    assert first is not None
    assert second is not None
    withdraw(board, first.id, user="ada", reason="the wrong seed")
    frame = load_table(board.store, board.sets, board.draws)
    assert set(frame["submission"]) == {second.id}
    assert frame["why_not"].isna().all()
    assert set(frame["attempts"]) == {2}


def test_a_task_is_ranked_once_for_a_model_whatever_else_it_was_asked(place: Place, tmp_path: Path) -> None:
    board = place.board(tmp_path)
    first = receive(board, place.zipped("expression"), user="ada")
    second = receive(board, place.zipped("uniform"), user="ada")
    assert set(first.places) == {"synth_expression"}
    assert second.why_not == {"synth_expression": "a later submission of the same model by the same user"}
    assert set(second.places) == {"synth_valence_arousal", "synth_action_units", "overall"}


def test_an_attempt_that_was_refused_counts_for_its_model(place: Place, tmp_path: Path) -> None:
    board = place.board(tmp_path)
    refused = receive(board, zip_of(drop_line(place.files())), user="ada")
    assert refused.entry is None
    assert receive(board, zip_of(drop_line(place.files())), user="bob").entry is None
    assert receive(board, place.zipped(), user="ada").entry is not None
    frame = load_table(board.store, board.sets, board.draws)
    assert set(frame["attempts"]) == {2}


def test_numbers_of_papers_that_are_edited_by_hand_are_read_again(place: Place, tmp_path: Path) -> None:
    board = place.board(tmp_path)
    assert receive(board, place.zipped("expression"), user="ada").entry is not None
    path = Path(board.store.name) / "reported.yaml"

    def listed() -> list[tuple[str, float]]:
        frame = load_table(board.store, board.sets, board.draws)
        assert frame["tier"].eq("rescored").sum() == 1
        assert frame.dtypes.astype(str).to_dict() == {name: str(kind) for name, kind in ours.dtypes.items()}
        assert frame[frame["tier"] == "rescored"].equals(ours)
        return [(row["model"], row["value"]) for row in frame[frame["tier"] == "reported"].to_dict("records")]

    ours = load_table(board.store, board.sets, board.draws)
    written = (Path(board.store.name) / "table.parquet").read_bytes()
    path.write_bytes(REPORTED)
    assert listed() == [("old", 0.9)]
    rebuild(board.store, board.sets, board.draws)
    assert listed() == [("old", 0.9)]
    path.write_bytes(REPORTED.replace(b"0.9", b"0.8"))
    assert listed() == [("old", 0.8)]  # nothing else happened, and the written table holds .9
    path.unlink()
    assert listed() == []
    (Path(board.store.name) / "table.parquet").write_bytes(written)
    assert listed() == []


def test_reported_numbers_need_a_source(tmp_path: Path) -> None:
    path = Path("reported.yaml")
    with pytest.raises(FeabError, match=r"reported\.yaml:5: there is no source 'other'"):
        read_reported(REPORTED.replace(b"source: paper", b"source: other"), path)
    with pytest.raises(FeabError, match="value"):
        read_reported(REPORTED.replace(b"0.9", b"90.1"), path)
    with pytest.raises(FeabError):
        read_reported(REPORTED.replace(b"A paper", b"<b>A paper</b>"), path)
    ours = Path(__file__).parents[2] / "leaderboard" / "results" / "reported.yaml"
    rows = read_reported(ours.read_bytes(), ours)
    assert {row["tier"] for row in rows} == {"reported"}
    assert all(row["caveat"] and row["url"].startswith("https://") for row in rows)


# ------------------------------------------------------------------------------------------------------------ choosing


def made_up(n: int = 60) -> Any:
    """Rows of many models about one task: some without parameters, cost, interval or place."""
    draw = random.Random(0)
    rows = []
    for i in range(n):
        value = draw.random()
        rows.append(
            {
                "submission": f"20260101-{i:012x}", "user": draw.choice(["ada", "bob"]), "model": f"lab/model-{i}",
                "tier": draw.choice(get_args(Tier)), "access": draw.choice(["open", "closed"]), "task": "overall",
                "parameters": draw.choice([None, 10**9, 7 * 10**9]), "licence": draw.choice(["MIT", "proprietary"]),
                "description": draw.choice(["A Straße model", None]), "value": value, "low": value - 0.1,
                "high": value + 0.1, "best": None if i % 5 == 0 else i, "worst": i + draw.randrange(3),
                "coverage": 1.0, "refused": 0.0, "metric": "above_chance", "version": "1", "fingerprint": "f",
                "cost_usd": draw.choice([None, draw.random()]), "protocol": "direct", "clusters": 72,
                "chance": 0.0, "data": "synth/test", "season": None, "human": 0.74, "oracle": 0.3,
                "chance_player": "uniform", "why_not": "so" if i % 5 == 0 else None,
            }
        )  # fmt: skip
    return frame_of(rows)


FRAME = made_up()


def test_filters_and_search_leave_what_is_asked() -> None:
    assert set(shown(FRAME, View())["tier"]) == {"verified", "rescored"}
    assert set(shown(FRAME, View(access=("closed",)))["access"]) == {"closed"}
    sized = shown(FRAME, View(least=10**9, most=2 * 10**9))
    assert set(sized["parameters"]) == {10**9}
    assert shown(FRAME, View(ranked=True))["best"].notna().all()
    assert len(shown(FRAME, View(tiers=(), search="MODEL-17"))) == 1
    assert set(shown(FRAME, View(search="strasse ada"))["user"]) == {"ada"}
    assert len(shown(FRAME, View(search=".*"))) == 0
    assert len(shown(FRAME, View(task="nothing"))) == 0
    assert len(shown(frame_of([]), View())) == 0
    assert choices(FRAME)["licences"] == ["MIT", "proprietary"]


def test_order_is_total_and_gaps_come_last() -> None:
    down = shown(FRAME, View(tiers=()))["value"].tolist()
    assert down == sorted(down, reverse=True)
    up = shown(FRAME, View(tiers=(), sort="cost_usd", ascending=True))["cost_usd"]
    known = up.dropna().tolist()
    assert known == sorted(known)
    assert up[len(known) :].isna().all()
    placed = shown(FRAME, View(tiers=(), sort="places"))
    best = placed["best"].dropna().tolist()
    assert best == sorted(best)
    shuffled = FRAME.sample(frac=1, random_state=1)
    assert shown(shuffled, View(tiers=())).equals(shown(FRAME, View(tiers=())))


def test_places_and_intervals_as_words() -> None:
    assert place(2, 4) == "2–4"
    assert place(1, 1) == "1"
    assert place(None, 3) == ""
    assert interval(-0.1, 0.25) == "−0.100 to 0.250"
    assert interval(None, 0.3) == ""
    assert [size(n) for n in (2_859_256, 324_000, 7e9, 999_600_000, 1.2e12, 12)] == [
        "2.86\xa0M", "324\xa0k", "7\xa0B", "1000\xa0M", "1.2\xa0T", "12"
    ]  # fmt: skip


def test_csv_is_read_back_and_holds_no_formula() -> None:
    rows = [{"model": text, "value": 0.5, "task": "overall"} for text in ("=1+1", "@x", "-2", "a,b", 'a"b', "plain")]
    read = list(csv.DictReader(io.StringIO(to_csv(frame_of(rows)))))
    assert [row["model"] for row in read] == ["'=1+1", "'@x", "'-2", "a,b", 'a"b', "plain"]
    assert [row["value"] for row in read] == ["0.5"] * 6
    assert to_csv(frame_of(rows), ("model",)).splitlines()[0] == "model"


WORDS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30)
VIEWS = st.builds(
    View,
    task=WORDS,
    data=st.text(st.characters(exclude_categories=("Cs",)), max_size=30),
    tiers=st.lists(st.sampled_from(get_args(Tier)), unique=True).map(tuple),
    access=st.lists(st.sampled_from(("open", "closed")), unique=True).map(tuple),
    least=st.none() | st.integers(0, 10**15),
    most=st.none() | st.integers(0, 10**15),
    licences=st.lists(WORDS, unique=True, max_size=5).map(tuple),
    protocols=st.lists(WORDS, unique=True, max_size=5).map(tuple),
    seasons=st.lists(WORDS, unique=True, max_size=5).map(tuple),
    search=WORDS,
    ranked=st.booleans(),
    sort=st.sampled_from((*COLUMNS, "places")),
    ascending=st.booleans(),
    columns=st.lists(st.sampled_from((*COLUMNS, "places", "interval")), unique=True, min_size=1).map(tuple),
    full=st.booleans(),
)


@given(VIEWS)
def test_a_link_brings_its_view_back(view: View) -> None:
    assert decode(encode(view)) == view


@given(st.text() | st.lists(st.tuples(st.sampled_from(["sort", "least", "tiers", "x"]), st.text())).map(
    lambda pairs: "&".join(f"{name}={value}" for name, value in pairs)
))  # fmt: skip
def test_any_link_is_some_view(query: str) -> None:
    view = decode(query)
    shown(FRAME, view)
    assert decode(encode(view)) == view


def test_the_plain_view_has_a_plain_link() -> None:
    assert encode(View()) == ""
    assert decode("sort=__class__&least=-1&tiers=evil&columns=x&ranked=maybe&most=" + "9" * 50) == View()


# ------------------------------------------------------------------------------------------------------------- drawing


@given(st.lists(st.tuples(st.sampled_from([1.0, 2.0, 3.0, np.nan]), st.sampled_from([0.1, 0.2, 0.3, np.nan]))))
def test_the_front_is_what_nobody_beats(points: list[tuple[float, float]]) -> None:
    x, y = (np.array([point[i] for point in points]) for i in (0, 1))
    found = on_front(x, y)
    for i, (cost, score) in enumerate(points):
        known = not (np.isnan(cost) or np.isnan(score))
        beaten = any((c <= cost and s > score) or (c < cost and s >= score) for c, s in points)
        assert found[i] == (known and not beaten)


def test_lines_are_of_one_set_of_faces() -> None:
    lines = reference_lines(FRAME)
    assert [(line.name, line.value, line.kind, line.of) for line in lines] == [
        ("uniform", 0.0, "chance", "value"),
        ("knows the expression, sees no face", 0.3, "chance", "value"),
        ("one person", 0.74, "human", "as_people"),
    ]
    other = FRAME.copy()
    other.loc[0, ["fingerprint", "tier"]] = ["g", "rescored"]
    assert reference_lines(other) == []
    assert reference_lines(frame_of([])) == []


def test_drawings_hold_no_markup_of_strangers() -> None:
    rows = shown(FRAME, View(tiers=())).copy()
    rows["model"] = "<script>alert(1)</script>"
    plot = score_plot(rows, "cost_usd", "cost")
    assert plot is not None
    assert "<script" not in str(plot)
    assert "Pareto front" in str(plot)
    assert score_plot(frame_of([{"model": "a", "value": 0.5}]), "parameters", "size") is None
    one = {"model": "a", "value": 0.5, "parameters": 10, "metric": "ccc"}
    assert score_plot(frame_of([one]), "parameters", "size") is None  # one point says nothing
    assert score_plot(frame_of([one, one]), "parameters", "size") is not None
