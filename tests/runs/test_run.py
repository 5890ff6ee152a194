"""A run from Python: a folder appears, the same call resumes, another run is refused, scores are written."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import faces_folder
import pytest
from faces_folder import ANSWERS, make_faces, make_script

import feab
from feab.data import read_info, write_split
from feab.errors import FeabError
from feab.journal import Progress
from feab.models import ModelInfo, load_model
from feab.records import Completion, Failure, Question
from feab.runs import Interrupted, Stopped
from feab.schemas import OutcomeCounts, Scores
from feab.tasks import load_tasks


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_faces(tmp_path_factory.mktemp("faces") / "made"))


@pytest.fixture
def script(tmp_path: Path) -> str:
    return f"mock/{make_script(tmp_path)}"


class Wrapped:
    """A model that answers as another does until something happens."""

    def __init__(self, inner: Any, happens: Any, *, info: dict[str, Any] | None = None) -> None:
        self.inner = inner
        self.happens = happens
        self.name = inner.name
        facts = {field: getattr(inner.info, field) for field in inner.info.__dataclass_fields__}
        self.info = ModelInfo(**{**facts, **(info or {})})
        self.asked = 0

    def generate(self, questions: Iterable[Question]) -> Iterator[Completion]:
        for completion in self.inner.generate(questions):
            self.asked += 1
            yield self.happens(self.asked, completion)

    def close(self) -> None:
        self.inner.close()


def test_a_run_is_a_folder_and_the_same_call_finds_it_complete(
    faces: str, script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = feab.run(script, data=faces)
    sha = run.manifest.identity_sha256
    assert run.path.parent.parent == Path("runs")
    assert run.path.name == sha[:12]
    assert "/" not in run.path.parent.name
    assert sorted(entry.name for entry in run.path.iterdir()) == ["manifest.json", "predictions.jsonl", "scores.json"]
    assert run.complete
    assert run.manifest.expected == 24 + 30 + 30 == len(list(run.predictions()))
    assert run.scores is not None
    assert set(run.scores.tasks) == {"made_expression", "made_valence_arousal", "made_action_units"}
    assert {p.task for p in run.predictions()} == set(run.scores.tasks)
    lines = (run.path / "predictions.jsonl").read_bytes()
    again = feab.run(script, data=faces)
    assert again.path == run.path
    assert again.manifest.created == run.manifest.created
    assert (run.path / "predictions.jsonl").read_bytes() == lines
    assert again.scores == run.scores
    loaded = feab.load_run(run.path)
    assert loaded.manifest == again.manifest


def test_the_manifest_says_what_was_asked_and_on_what(faces: str, script: str, tmp_path: Path) -> None:
    run = feab.run(script, "synth_expression", data=faces, prompts="all", limit=5, seed=4, out=tmp_path / "run")
    identity = run.manifest.identity
    assert identity.adapter == "mock"
    assert identity.limit == 5
    assert identity.seed == 4
    assert identity.prompts == ["direct", "json", "definitions", "reason", "shuffled"]
    assert list(identity.datasets) == ["made/test"]
    assert set(identity.tasks["synth_expression"].prompts) == set(identity.prompts)
    assert run.manifest.versions["python"]
    assert run.manifest.machine["cores"] >= 1
    assert run.manifest.outcomes.ok + run.manifest.outcomes.unparsable == 25
    text = (run.path / "manifest.json").read_text()
    assert str(Path.home()) not in text.replace(script, "")
    assert json.loads(text)["schema"] == 1


def test_another_run_in_the_folder_is_refused_with_what_differs(faces: str, script: str, tmp_path: Path) -> None:
    feab.run(script, "synth_expression", data=faces, out=tmp_path / "run")
    with pytest.raises(FeabError, match=r"(?s)holds another run.*seed: 0 there, 1 here"):
        feab.run(script, "synth_expression", data=faces, out=tmp_path / "run", seed=1)
    with pytest.raises(FeabError, match=r"tasks\.synth_valence_arousal\.version: \(none\) there"):
        feab.run(script, "synth_expression,synth_valence_arousal", data=faces, out=tmp_path / "run")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("years of work")
    with pytest.raises(FeabError, match=r"holds other files \(thesis\.tex"):
        feab.run(script, "synth_expression", data=faces, out=tmp_path / "full")


def test_errors_leave_a_run_incomplete_and_are_asked_again(faces: str, script: str, tmp_path: Path) -> None:
    def some_fail(number: int, completion: Completion) -> Completion:
        return Completion(completion.question, error=Failure("timeout", "late")) if number % 4 == 0 else completion

    inner = load_model(script)
    run = feab.run(Wrapped(inner, some_fail), "synth_expression", data=faces, out=tmp_path / "run")
    assert not run.complete
    assert run.manifest.outcomes.error == 6
    assert run.scores is not None
    assert not run.scores.complete
    assert run.scores.tasks["synth_expression"].n == 18  # a failure says nothing about a face
    watched = Wrapped(inner, lambda _, completion: completion)
    resumed = feab.run(watched, "synth_expression", data=faces, out=tmp_path / "run")
    assert watched.asked == 6
    assert resumed.complete
    assert resumed.manifest.outcomes.error == 0
    undisturbed = feab.run(script, "synth_expression", data=faces, out=tmp_path / "other")
    assert resumed.scores == undisturbed.scores


def test_ctrl_c_carries_the_run_and_leaves_a_true_manifest(faces: str, script: str, tmp_path: Path) -> None:
    def pressed(number: int, completion: Completion) -> Completion:
        if number == 10:
            raise KeyboardInterrupt
        return completion

    with pytest.raises(Interrupted) as caught:
        feab.run(Wrapped(load_model(script), pressed), data=faces, out=tmp_path / "run")
    run = caught.value.run
    counts = run.manifest.outcomes
    assert counts.ok + counts.unparsable == 9 == len(list(run.predictions()))
    assert feab.load_run(tmp_path / "run").manifest == run.manifest
    assert not (tmp_path / "run" / ".lock").exists()
    assert feab.run(script, data=faces, out=tmp_path / "run").complete


def test_what_cannot_be_run_is_refused_before_a_model_is_loaded(
    faces: str, script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = {"tasks": "synth_expression", "data": faces}
    in_use, done = tmp_path / "in-use", tmp_path / "done"
    feab.run(script, **run, out=done)

    def second(number: int, completion: Completion) -> Completion:
        if number == 1:
            with monkeypatch.context() as patched:
                patched.setattr("feab.models.load_model", lambda *_, **__: pytest.fail("a model was loaded"))
                with pytest.raises(FeabError, match=f"in-use: process {os.getpid()} is working on this run"):
                    feab.run(script, **run, out=in_use)
                with pytest.raises(FeabError, match="limit: null there, 7 here"):
                    feab.run(script, **run, out=done, limit=7)
        return completion

    feab.run(Wrapped(load_model(script), second), **run, out=in_use)


def test_what_a_kill_at_the_start_leaves_is_no_other_run(faces: str, script: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    for name in ("predictions.jsonl", "manifest.json.new"):
        (out / name).touch()
    assert feab.run(script, "synth_expression", data=faces, out=out).complete
    (out / "manifest.json").unlink()
    with pytest.raises(FeabError, match="holds other files"):
        feab.run(script, "synth_expression", data=faces, out=out)


def test_the_same_command_without_a_folder_is_refused_while_the_first_still_loads(
    faces: str, script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = []

    def loading(name: str, **arguments: Any) -> Any:
        loaded.append(name)
        with pytest.raises(FeabError, match=f"{name}: process {os.getpid()} is working on this run"):
            feab.run(script, "synth_expression", data=faces)
        return load_model(name, **arguments)

    monkeypatch.setattr("feab.models.load_model", loading)
    finished = feab.run(script, "synth_expression", data=faces)
    assert loaded == [script]
    assert finished.complete
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [finished.path.parent.name]


@pytest.mark.parametrize("out", [None, "a/b"])
def test_a_run_that_never_began_leaves_no_folders(
    faces: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FeabError, match="unknown model"):
        feab.run("no-such-model", data=faces, out=out)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").mkdir()
    with pytest.raises(FeabError, match="unknown model"):
        feab.run("no-such-model", data=faces, out="mine")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_same_failure_again_and_again_stops_a_run(faces: str, script: str, tmp_path: Path) -> None:
    def broken(number: int, completion: Completion) -> Completion:
        return Completion(completion.question, error=Failure("http_400", f"image {number} is too large"))

    with pytest.raises(Stopped, match="image 20 is too large") as caught:
        feab.run(Wrapped(load_model(script), broken), data=faces, out=tmp_path / "run")
    assert caught.value.run.manifest.outcomes == OutcomeCounts(error=20)


def test_draws_are_kept_apart_and_drawn(faces: str, script: str, tmp_path: Path) -> None:
    seen: list[Question] = []

    def look(_: int, completion: Completion) -> Completion:
        seen.append(completion.question)
        return completion

    model = Wrapped(load_model(script), look)
    run = feab.run(model, "synth_expression", data=faces, draws=3, limit=4, out=tmp_path / "run")
    assert sorted((p.sample, p.draw) for p in run.predictions()) == sorted(
        (sample, draw) for sample in {p.sample for p in run.predictions()} for draw in range(3)
    )
    assert run.manifest.expected == 12
    assert {q.sampling.temperature for q in seen} == {1.0}
    assert run.manifest.identity.sampling["temperature"] == 1.0


def test_a_full_disk_is_said_and_what_came_before_is_whole(
    faces: str, script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, room = os.write, iter(range(9))

    def write_some(fd: int, data: bytes) -> int:
        if next(room, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data[: len(data) // 2 + 1])  # a system may write less than it was given

    monkeypatch.setattr("feab.journal.journal.os.write", write_some)
    with pytest.raises(FeabError, match=r"No space left on device.*the same command goes on"):
        feab.run(script, data=faces, out=tmp_path / "run")
    monkeypatch.undo()
    assert feab.run(script, data=faces, out=tmp_path / "run").complete


class Eyes:
    """Remembers what a progress display is told."""

    def __init__(self) -> None:
        self.totals: dict[str, int] = {}
        self.there = 0
        self.events: list[Progress] = []

    def rendering(self, done: int, total: int) -> None:
        pytest.fail(f"rendered {done} of {total}")

    def start(self, path: Path, parts: Any, journal: Any) -> None:
        self.totals = {part.task.name: part.expected for part in parts}
        self.there = len(journal)

    def update(self, progress: Progress) -> None:
        self.events.append(progress)


def test_progress_is_told_of_every_completion(faces: str, script: str, tmp_path: Path) -> None:
    eyes = Eyes()
    feab.run(script, data=faces, out=tmp_path / "run", progress=eyes)
    assert eyes.totals == {"made_expression": 24, "made_valence_arousal": 30, "made_action_units": 30}
    assert [event.done for event in eyes.events if event.task == "made_expression"] == list(range(1, 25))
    assert eyes.there == 0


@pytest.mark.parametrize(
    ("third_party", "permission", "refused"),
    [
        ("allowed", None, None),
        ("ask", None, "asks for permission"),
        ("ask", "letter of 2 May", None),
        ("forbidden", "letter of 2 May", "forbids"),
    ],
)
def test_faces_leave_only_with_permission(
    script: str, tmp_path: Path, third_party: Any, permission: str | None, refused: str | None
) -> None:
    made = make_faces(tmp_path / "made", people=1, third_party=third_party)
    facts = {"local": False, "endpoint": "https://api.example.com/v1"}
    model = Wrapped(load_model(script), lambda _, completion: completion, info=facts)

    def ask() -> feab.Run:
        return feab.run(model, "synth_expression", data=str(made), out=tmp_path / "run", permission=permission)

    if refused is not None:
        with pytest.raises(FeabError, match=rf"api\.example\.com.*a licence of ours.*{refused}"):
            ask()
        assert model.asked == 0
        assert not (tmp_path / "run").exists()
        return
    assert ask().manifest.permission == (permission if third_party == "ask" else None)
    assert model.asked == 8


def test_faces_that_may_be_those_of_children_leave_for_nobody(script: str, tmp_path: Path) -> None:
    aged = [{**row, "age_group": ("4-19", "20-39")[row["subject"] != "p00000"]} for row in faces_folder.rows(people=2)]
    made = tmp_path / "made"
    write_split(made, "test", aged, read_info(make_faces(tmp_path / "plain")).model_copy(update={"splits": {}}))
    for local, permission in ((False, None), (False, "letter of 2 May"), (True, None)):
        model = Wrapped(load_model(script), lambda _, completion: completion, info={"local": local})
        what: dict[str, Any] = {"data": str(made), "out": tmp_path / "run", "permission": permission}
        if local:
            assert feab.run(model, "synth_expression", **what).complete
            assert model.asked == 16
            continue
        with pytest.raises(FeabError, match="10 faces of made are in age groups that can hold people under 18"):
            feab.run(model, "synth_expression", **what)
        assert model.asked == 0
        assert not (tmp_path / "run").exists()


def test_bad_calls_are_refused(faces: str, script: str) -> None:
    with pytest.raises(FeabError, match="limit 0"):
        feab.run(script, data=faces, limit=0)
    with pytest.raises(FeabError, match="draws 0"):
        feab.run(script, data=faces, draws=0)
    with pytest.raises(FeabError, match="adapter arguments"):
        feab.run(load_model(script), data=faces, delay_s=1)
    with pytest.raises(FeabError, match="unknown model"):
        feab.run("no-such-model", data=faces)


def test_scoring_again_checks_task_and_data(faces: str, script: str, tmp_path: Path) -> None:
    run = feab.run(script, "synth", data=faces, out=tmp_path / "run", limit=20)
    before = run.scores
    (run.path / "scores.json").unlink()
    assert run.scores is None
    assert feab.score(run.path, faces) == before == run.scores
    with pytest.raises(FeabError, match=r"no dataset 'made'.*give the same --data"):
        feab.score(run)
    manifest = json.loads((run.path / "manifest.json").read_text())
    manifest["identity"]["tasks"]["synth_expression"]["prompts"]["direct"] = "0" * 64
    (run.path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(FeabError, match="the wording of prompt direct is another now"):
        feab.score(run.path, faces)


def test_scores_of_another_label_source(faces: str, script: str, tmp_path: Path) -> None:
    run = feab.run(script, "synth_expression", data=faces, out=tmp_path / "run")
    labels = feab.load_dataset(faces)
    assert feab.score(run, labels, write=False) == run.scores


def test_load_run_refuses_what_is_no_run(tmp_path: Path, faces: str, script: str) -> None:
    with pytest.raises(FeabError, match="no such run folder"):
        feab.load_run(tmp_path / "nowhere")
    with pytest.raises(FeabError, match="not a run folder"):
        feab.load_run(tmp_path)
    run = feab.run(script, "synth_expression", data=faces, out=tmp_path / "run")
    manifest = json.loads((run.path / "manifest.json").read_text())
    (run.path / "manifest.json").write_text(json.dumps({**manifest, "schema": 99}))
    with pytest.raises(FeabError, match=r"manifest\.json: schema: .*upgrade feab"):
        feab.load_run(run.path)
    (run.path / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(FeabError, match=r"manifest\.json"):
        feab.load_run(run.path)
    (run.path / "scores.json").write_text('{"schema": 1}')
    with pytest.raises(FeabError, match=r"scores\.json: tasks: Field required"):
        _ = run.scores


def test_answers_are_parsed_by_their_question(faces: str, tmp_path: Path) -> None:
    script = make_script(tmp_path, ANSWERS.replace('"1, 2, 5"', '"1, 2, 99"'))
    run = feab.run(f"mock/{script}", data=faces, out=tmp_path / "run")
    for prediction in run.predictions():
        if prediction.task == "made_action_units" and isinstance(prediction.answer, list):
            assert 99 not in prediction.answer
    assert isinstance(run.scores, Scores)


def test_a_strangers_run_folder_overwrites_and_opens_nothing_elsewhere(
    faces: str, script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = feab.run(script, "synth_expression", data=faces, out=tmp_path / "run")
    victim = tmp_path / "victim"
    victim.write_text("mine")
    for name in ("manifest.json", "scores.json"):
        (run.path / f"{name}.new").symlink_to(victim)
    again = feab.run(script, "synth_expression", data=faces, out=tmp_path / "run")
    assert victim.read_text() == "mine"
    assert not (run.path / "scores.json").is_symlink()
    assert again.scores == run.scores
    manifest = json.loads((run.path / "manifest.json").read_text())
    monkeypatch.chdir(Path(faces).parent)  # where "made" is a folder, too: names are looked up, paths are not opened
    for planted in (faces, "../made", "made"):
        task = replace(load_tasks("synth_expression")[0], dataset=planted)
        manifest["identity"]["tasks"]["synth_expression"] = task.identity(["direct"]).model_dump(mode="json")
        (run.path / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(FeabError, match="give the same --data"):
            feab.score(run.path)
    for field, value in (("dataset", "x" * 201), ("split", "../../../etc/x"), ("split", "x" * 65)):
        changed = json.loads(json.dumps(manifest))
        changed["identity"]["tasks"]["synth_expression"][field] = value
        (run.path / "manifest.json").write_text(json.dumps(changed))
        with pytest.raises(FeabError, match=field):
            feab.load_run(run.path)
    manifest["identity"]["tasks"] = {"x" * 201: manifest["identity"]["tasks"]["synth_expression"]}
    (run.path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(FeabError, match="200"):
        feab.load_run(run.path)


def test_only_pictures_in_files_are_opened(tmp_path: Path, script: str) -> None:
    from feab.runs.pictures import ask_about

    page = tmp_path / "face.eps"
    page.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    pipe = tmp_path / "face.jpg"
    os.mkfifo(pipe)
    for path, complaint in ((page, "not a picture that can be read"), (pipe, "not a file")):
        with pytest.raises(FeabError, match=complaint):
            ask_about(load_model(script), [path])
