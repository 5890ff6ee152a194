"""Verified by running again: a second run that agrees moves the entry up, one that does not is kept and told of."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from boards import Place
from typer.testing import CliRunner

import feab
from feab.cli.app import app
from feab.errors import FeabError
from feab.leaderboard import (
    Board,
    Rerun,
    audit,
    check_reruns,
    entries_of,
    events_of,
    load_table,
    receive,
    reruns_of,
    run_again,
)
from feab.leaderboard.pages.model import model_page
from feab.leaderboard.records import Again
from feab.leaderboard.service import Service
from feab.runs.files import read_model
from feab.runs.identity import identity_sha256
from feab.schemas import EstimateModel, RunManifest

RUNNER = CliRunner()


def begun_anew(run: Path, out: Path, day: int = 1, **identity: Any) -> Path:
    """A copy of a run as another run of the same answers has it: begun at another time, by another identity."""
    shutil.copytree(run, out)
    manifest = read_model(out / "manifest.json", RunManifest)
    told = manifest.identity.model_copy(update=identity)
    begun = f"2026-01-{day:02}T00:00:00+00:00"
    changed = manifest.model_copy(update={"created": begun, "identity": told, "identity_sha256": identity_sha256(told)})
    (out / "manifest.json").write_text(changed.model_dump_json(by_alias=True, indent=2))
    return out


def listed(place: Place, folder: Path, run: str = "expression") -> tuple[Board, str]:
    board = place.board(folder)
    entry = receive(board, place.zipped(run), user="ada").entry
    assert entry is not None
    return board, entry.id


@pytest.fixture
def again(place: Place, tmp_path: Path) -> Path:
    """The model of the run "expression", really run again: its answers follow from a seed, and are the same."""
    faces = place.sets.named["made/test"].labels
    made = feab.run("baseline/uniform", "synth_expression", data=faces, seed=3, out=tmp_path / "again").path
    return begun_anew(made, tmp_path / "another")  # the first one may have been begun in the same second


def test_a_run_that_agrees_verifies(place: Place, tmp_path: Path, again: Path) -> None:
    board, name = listed(place, tmp_path)
    other = receive(board, place.zipped("again"), user="eve").entry
    assert other is not None
    record = run_again(board, name, again, user="bob")
    assert record.agrees
    assert (record.same, record.answers, record.differs) == (96, 96, [])
    assert record.tasks["synth_expression"].difference.value == 0
    snapshot = board.store.snapshot()
    events = events_of(snapshot)
    event = events[-1]
    assert (event.event, event.user, event.submission, event.reasons) == ("verified", "bob", name, [])
    assert len(event.files) == 3
    assert audit(snapshot) == []
    assert check_reruns(snapshot, events, name, place.sets) == []
    tiers = {entry.id: entry.tier for entry in entries_of(snapshot, events)}
    assert tiers == {name: "verified", other.id: "rescored"}
    frame = load_table(board.store, board.sets, board.draws)
    rows = frame[frame["task"] == "synth_expression"].set_index("submission")
    assert rows.loc[name, "tier"] == "verified"
    assert (rows.loc[name, "best"], rows.loc[name, "worst"]) == (1, 1)  # among the verified, where it is alone
    assert (rows.loc[other.id, "best"], rows.loc[other.id, "worst"]) == (1, 1)
    with pytest.raises(FeabError, match="is verified already"):
        run_again(board, name, again, user="eve")


def test_the_page_says_how_it_was_verified(place: Place, tmp_path: Path, again: Path) -> None:
    board, name = listed(place, tmp_path)
    service = Service(board)
    try:
        assert service.entry(name).tier == "rescored"
        assert "Run again" not in model_page(service, "tab=model&model=baseline/uniform").html
        run_again(board, name, again, user="bob")
        assert service.entry(name).tier == "verified"
        page = model_page(service, "tab=model&model=baseline/uniform").html
        assert "verified: run again" in page
        assert "by bob: agrees; 96 of 96 answers alike</dd>" in page
        assert "run again: agrees" in page
    finally:
        service.close()


def test_a_run_that_does_not_agree_is_kept_and_told(place: Place, tmp_path: Path, again: Path) -> None:
    """The submitted answers come from the labels, and no uniform player gives them."""
    cheat = begun_anew(place.runs["expression"], tmp_path / "cheat")
    faces = feab.load_dataset(str(place.sets.named["made/test"].labels), "test").labels(("id", "expression"))
    truth = dict(zip(faces["id"], faces["expression"], strict=True))
    lines = [json.loads(line) for line in (cheat / "predictions.jsonl").read_text().splitlines()]
    for line in lines:
        line["answer"] = truth[line["sample"]] if isinstance(truth[line["sample"]], str) else line["answer"]
        line["text"] = line["answer"]
    (cheat / "predictions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    board = place.board(tmp_path)
    entry = receive(board, feab.leaderboard.pack(cheat).zipped(), user="ada").entry
    assert entry is not None
    again = begun_anew(again, tmp_path / "later", 2, seed=7)
    record = run_again(board, entry.id, again, user="bob")
    assert not record.agrees
    assert record.differs == ["seed"]
    one = record.tasks["synth_expression"].difference
    assert one.low is not None
    assert one.low > 0.5
    snapshot = board.store.snapshot()
    events = events_of(snapshot)
    assert events[-1].event == "disagreed"
    (reason,) = events[-1].reasons
    assert "synth_expression: again 0." in reason
    assert "submitted minus that +0." in reason
    assert "95 % interval +0." in reason
    assert [one.tier for one in entries_of(snapshot, events)] == ["rescored"]
    assert (audit(snapshot), check_reruns(snapshot, events, entry.id, place.sets)) == ([], [])
    with pytest.raises(FeabError, match="stands beside it already"):
        run_again(board, entry.id, again, user="bob")
    service = Service(board)
    try:
        assert "by bob: does not agree" in model_page(service, "tab=model&model=baseline/uniform").html
    finally:
        service.close()


OTHER = "0" * 64


@pytest.mark.parametrize(
    ("identity", "says"),
    [
        ({"model": "baseline/majority"}, "model: baseline/uniform was submitted, and baseline/majority was run again"),
        ({"draws": 2}, "draws: 1 was submitted, and 2"),
        ({"crop": "face box"}, "crop: "),
        ({"image_size": "64"}, "image_size: "),
        ({"sampling": {"temperature": 2.0}}, "sampling"),
        ({"scoring": "options"}, "scoring: "),
        ({"datasets": {"made/test": OTHER}}, "datasets.made/test: "),
    ],
)
def test_a_run_that_was_asked_something_else_is_not_compared(
    place: Place, tmp_path: Path, again: Path, identity: dict[str, Any], says: str
) -> None:
    board, name = listed(place, tmp_path)
    with pytest.raises(FeabError, match=says):
        run_again(board, name, begun_anew(again, tmp_path / "changed", **identity), user="bob")
    assert [event.event for event in events_of(board.store.snapshot())] == ["attempt", "accepted"]


def test_what_else_verifies_nothing(place: Place, tmp_path: Path, again: Path) -> None:
    board, name = listed(place, tmp_path)
    with pytest.raises(FeabError, match="ada submitted it"):
        run_again(board, name, again, user="ada")
    with pytest.raises(FeabError, match="is the submitted run itself"):
        run_again(board, name, place.runs["expression"], user="bob")
    with pytest.raises(FeabError, match="'nothing' is not listed"):
        run_again(board, "nothing", again, user="bob")
    with pytest.raises(FeabError, match="user's name"):
        run_again(board, name, again, user="<b>")
    with pytest.raises(FeabError, match=r"tasks\.synth_action_units|tasks\.synth_valence_arousal"):
        run_again(board, name, begun_anew(place.runs["uniform"], tmp_path / "all"), user="bob")
    task = read_model(again / "manifest.json", RunManifest).identity.tasks["synth_expression"]
    versions = {"synth_expression": task.model_copy(update={"version": "0.9"})}
    with pytest.raises(FeabError, match=r"tasks\.synth_expression\.version: 1\.0 was submitted, and 0\.9"):
        run_again(board, name, begun_anew(again, tmp_path / "older", tasks=versions), user="bob")
    (again / "predictions.jsonl").write_text("")
    with pytest.raises(FeabError, match="could not be submitted itself"):
        run_again(board, name, again, user="bob")


def test_hidden_labels_need_no_second_run(place: Place, tmp_path: Path, again: Path) -> None:
    board = place.board(tmp_path, hidden=True)
    entry = receive(board, place.zipped("expression"), user="ada").entry
    assert entry is not None
    with pytest.raises(FeabError, match="is verified already"):
        run_again(board, entry.id, again, user="bob")


def test_whatever_is_changed_of_it_is_told(place: Place, tmp_path: Path, again: Path) -> None:
    board, name = listed(place, tmp_path)
    run_again(board, name, again, user="bob")
    snapshot = board.store.snapshot()
    events = events_of(snapshot)
    (place_of,) = (Path(board.store.name) / "submissions" / name / "reruns").iterdir()
    record = json.loads((place_of / "rerun.json").read_text())
    for field, value in (("same", 7), ("user", "ada"), ("differs", ["seed"])):
        (place_of / "rerun.json").write_text(json.dumps({**record, field: value}))
        (line,) = check_reruns(snapshot, events, name, place.sets)
        assert f"rerun.json: {field}: " in line
    (place_of / "rerun.json").write_text(json.dumps(record))
    assert check_reruns(snapshot, events, name, place.sets) == []
    forged = [*events[:-1], events[-1].model_copy(update={"event": "disagreed"})]
    (line,) = check_reruns(snapshot, forged, name, place.sets)
    assert "says disagreed, and its files do not" in line
    bare = [*events[:-1], events[-1].model_copy(update={"files": {}})]
    with pytest.raises(FeabError, match="says verified, and of no run"):
        check_reruns(snapshot, bare, name, place.sets)
    (place_of / "rerun.json").unlink()
    assert any("was deleted" in line for line in audit(snapshot))
    with pytest.raises(FeabError, match="is gone"):
        check_reruns(snapshot, events, name, place.sets)
    with pytest.raises(FeabError, match="is gone"):
        reruns_of(snapshot, events, name)


@pytest.mark.parametrize(
    ("value", "low", "high", "agrees"),
    [(0.0, None, None, True), (0.01, None, None, False), (0.01, -0.01, 0.03, True), (0.02, 0.01, 0.03, False),
     (-0.02, -0.03, -0.01, False), (-0.02, -0.04, 0.0, True), (None, None, None, False)],
)  # fmt: skip
def test_agreeing_is_an_interval_that_holds_no_difference(
    value: float | None, low: float | None, high: float | None, *, agrees: bool
) -> None:
    one = EstimateModel(value=value, low=low, high=high, clusters=12)
    assert Again(score=EstimateModel(value=0.5), difference=one).agrees is agrees


def test_in_the_terminal(place: Place, tmp_path: Path, again: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feab.cli.serving.with_seasons", lambda *_: place.sets)
    monkeypatch.setattr("feab.cli.submitting.with_seasons", lambda *_: place.sets)
    monkeypatch.setenv("FEAB_CACHE", str(tmp_path / "cache"))
    board, name = listed(place, tmp_path)
    store = board.store.name
    words = ["leaderboard", "verify", name, "--run", str(again), "--store", store]
    refused = RUNNER.invoke(app, [*words, "--user", "ada"])
    assert refused.exit_code == 2
    assert "ada submitted it; somebody else must run it again" in refused.stderr
    done = RUNNER.invoke(app, [*words, "--user", "bob"])
    assert done.exit_code == 0, done.output
    assert "96 of 96 answers are alike; not as before: nothing" in done.stdout
    assert f"{name}: verified" in done.stdout
    right = RUNNER.invoke(app, ["verify", store])
    assert right.exit_code == 0, right.output
    (record,) = Path(store).rglob("rerun.json")
    told = Rerun.model_validate_json(record.read_bytes())
    record.write_text(told.model_copy(update={"same": 3}).model_dump_json(by_alias=True))
    wrong = RUNNER.invoke(app, ["verify", store])
    assert wrong.exit_code == 2
    assert "was changed since line 3 of the log" in wrong.stdout
