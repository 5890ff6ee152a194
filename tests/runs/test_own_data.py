"""Data of one's own, from pictures on disk to scores: the same answers and scores as from a dataset folder."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faces_folder import make_script, picture
from PIL import Image

import feab
from feab.data import Dataset, write_split
from feab.errors import FeabError
from feab.models import load_model
from feab.runs import Run, plan
from feab.schemas import TaskScores
from feab.vocabulary import EXPRESSIONS

PER_CLASS = 5


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of these tests' own."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEAB_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def rows() -> list[int]:
    """Five faces of each expression in `synth_mini`, in its order, and of some free combinations."""
    labels = feab.load_dataset("synth_mini").labels(["expression"])["expression"].fillna("").tolist()
    seen: Counter[str] = Counter()
    chosen = []
    for row, label in enumerate(labels):
        seen[label] += 1
        if seen[label] <= PER_CLASS:
            chosen.append(row)
    assert Counter(labels[row] for row in chosen) == Counter(dict.fromkeys([*EXPRESSIONS, ""], PER_CLASS))
    return chosen


@pytest.fixture(scope="module")
def places(rows: list[int], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same faces three times: as a dataset folder, as class folders, and beside a CSV file."""
    root = tmp_path_factory.mktemp("places")
    synth = feab.load_dataset("synth_mini")
    labels = synth.labels()
    kept = ["subject", "valence", "arousal", *(f"au{au:02d}_presence" for au in synth.info.aus)]
    stored = []
    (root / "table" / "pics").mkdir(parents=True)
    with (root / "table" / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["person", "file", "mood", *(name.replace("_presence", "") for name in kept[1:]), "id"])
        for row in rows:
            sample, given = synth[row], labels.iloc[row]
            data, mood = sample.media.read(), sample.expression or ""
            (root / "table" / "pics" / f"{sample.id}.jpg").write_bytes(data)
            if mood:
                (root / "classes" / mood.title()).mkdir(parents=True, exist_ok=True)
                (root / "classes" / mood.title() / f"{sample.id}.jpg").write_bytes(data)
            cells = ["" if given[name] != given[name] else given[name] for name in kept[1:]]
            table.writerow([given["subject"], f"pics/{sample.id}.jpg", mood, *cells, sample.id])
            stored.append({"id": sample.id, "image": data, "expression": sample.expression, **given[kept].to_dict()})
    write_split(root / "direct", "test", stored, synth.info.model_copy(update={"subsets": {}, "name": "direct"}))
    return {name: root / name for name in ("direct", "classes", "table")}


COLUMNS = {"image": "file", "expression": "mood", "subject": "person"}


def texts(run: Run) -> dict[tuple[str, str], str | None]:
    """(kind, sample's own name) -> what the model said."""
    kinds = {name: task.kind for name, task in run.manifest.identity.tasks.items()}
    return {(kinds[p.task], Path(p.sample).stem): p.text for p in run.predictions()}


def by_kind(run: Run) -> dict[str, TaskScores]:
    """The scores of a run's tasks by their kind."""
    assert run.scores is not None
    return {task.kind: task for task in run.scores.tasks.values()}


def test_the_real_model_answers_and_scores_as_from_a_dataset_folder(places: dict[str, Path], tmp_path: Path) -> None:
    table = feab.load_dataset(places["table"], columns=COLUMNS)
    model = load_model("feab-tiny")
    try:
        direct = feab.run(model, "synth", data=places["direct"], out=tmp_path / "direct")
        mine = feab.run(model, data=table, out=tmp_path / "table")
        folders = feab.run(model, data=places["classes"], out=tmp_path / "classes")
    finally:
        model.close()
    assert list(mine.manifest.identity.tasks) == ["table_expression", "table_valence_arousal", "table_action_units"]
    assert list(folders.manifest.identity.tasks) == ["classes_expression"]
    said = texts(direct)
    assert len(said) == 8 * PER_CLASS + 2 * 9 * PER_CLASS
    assert texts(mine) == said
    assert texts(folders) == {key: text for key, text in said.items() if key[0] == "expression"}
    expected, found = by_kind(direct), by_kind(mine)
    for kind, scores in expected.items():
        assert found[kind].model_dump() == scores.model_dump()
        assert scores.coverage == 1
    assert expected["expression"].metrics["accuracy"].value > 0.8  # the model sees them
    (alone,) = by_kind(folders).values()  # without subjects: other intervals, the same scores
    for name, estimate in alone.metrics.items():
        assert estimate.value == expected["expression"].metrics[name].value
    for run, path in ((mine, places["table"]), (folders, places["classes"])):
        before = run.scores
        (run.path / "scores.json").unlink()
        assert feab.score(run.path, path) == before  # the columns are in the manifest
    manifest = (mine.path / "manifest.json").read_text()
    assert json.loads(manifest)["columns"] == COLUMNS
    assert str(places["table"]) not in manifest


def test_the_same_call_goes_on(places: dict[str, Path], tmp_path: Path) -> None:
    text = 'answers: [{sample: "Anger*", error: {kind: timeout}}, {text: anger}]'
    script = make_script(tmp_path, text)
    first = feab.run(f"mock/{script}", data=places["classes"], out=tmp_path / "run")
    assert not first.complete
    assert first.manifest.outcomes.error == PER_CLASS
    kept = {p.sample for p in first.predictions() if p.error is None}
    with pytest.raises(FeabError, match="holds another run"):
        feab.run(f"mock/{script}", data=feab.load_dataset(places["table"], columns=COLUMNS), out=tmp_path / "run")
    (places["classes"] / "Fear" / "new.jpg").write_bytes(picture(1))
    try:
        with pytest.raises(FeabError, match=r"what differs:\n.*datasets\.classes/test"):
            feab.run(f"mock/{script}", data=places["classes"], out=tmp_path / "run")
    finally:
        (places["classes"] / "Fear" / "new.jpg").unlink()
    again = feab.run(f"mock/{script}", data=places["classes"], out=tmp_path / "run")
    assert again.manifest.created == first.manifest.created
    assert len(kept) == 7 * PER_CLASS
    assert kept <= {p.sample for p in again.predictions()}


def own(folder: Path, header: str, *lines: str) -> Dataset:
    """A CSV file of such lines, each about a picture of its own, which is its first cell."""
    folder.mkdir()
    for number, line in enumerate(lines):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / line.split(",")[0])
    (folder / "labels.csv").write_text("\n".join([header, *lines]))
    return feab.load_dataset(folder)


class Elsewhere:
    """A model on somebody else's machine; keeps what it was asked."""

    def __init__(self) -> None:
        from dataclasses import replace

        self.inner = load_model("baseline/uniform")
        self.info = replace(self.inner.info, local=False, endpoint="https://api.example.org")
        self.asked: list[Any] = []

    def generate(self, questions: Any) -> Any:
        return self.inner.generate(self.asked.append(q) or q for q in questions)

    def close(self) -> None:
        self.inner.close()


def test_faces_are_sent_nowhere_without_permission_and_minors_never(tmp_path: Path) -> None:
    adults = own(tmp_path / "adults", "image,valence,arousal,age_group", "a.png,0,0,20-39", "b.png,1,0,")
    model = Elsewhere()
    with pytest.raises(FeabError, match=r"licence of adults \(not stated\) asks for permission"):
        feab.run(model, data=adults, out=tmp_path / "run")
    assert not model.asked
    run = feab.run(model, data=adults, out=tmp_path / "run", permission="consent forms, 2026")
    assert (len(model.asked), run.manifest.permission) == (2, "consent forms, 2026")
    young = own(tmp_path / "young", "image,valence,arousal,age_group", "a.png,0,0,20-39", "b.png,1,0,4-19")
    with pytest.raises(FeabError, match="1 faces of young are in age groups that can hold people under 18"):
        feab.run(model, data=young, out=tmp_path / "other", permission="consent forms, 2026")
    assert len(model.asked) == 2


def test_a_threshold_is_part_of_the_run_and_kept_for_scoring(tmp_path: Path) -> None:
    data = own(tmp_path / "set", "image,au1,au2", *(f"{n}.png,{n % 5},{n % 3}" for n in range(30)))
    runs = {t: feab.run("baseline/uniform", data=data, au_threshold=t, out=tmp_path / f"{t}") for t in (None, 3)}
    identities = [run.manifest.identity.tasks["set_action_units"].sha256 for run in runs.values()]
    assert len(set(identities)) == 2
    for run in runs.values():
        assert feab.score(run, data.path, write=False) == run.scores
    detail = {t: run.scores.tasks["set_action_units"].detail["per_au"] for t, run in runs.items() if run.scores}
    assert detail[None]["1"]["prevalence"] == pytest.approx(0.6)
    assert detail[3]["1"]["prevalence"] == pytest.approx(0.4)
    for wrong in ({"tasks": "synth", "data": data}, {}, {"data": "synth"}):
        with pytest.raises(FeabError, match="goes with tasks made for --data"):
            plan(**wrong, au_threshold=2)


def test_scoring_says_what_is_missing_or_has_changed(tmp_path: Path) -> None:
    data = own(tmp_path / "set", "image,expression", "a.png,happy", "b.png,sad", "c.png,fear")
    run = feab.run("baseline/uniform", data=data, out=tmp_path / "run")
    with pytest.raises(FeabError, match=r"no dataset 'set' is known by its name here\. If the run used --data"):
        feab.score(run)
    moved = data.path.with_name("moved.csv")
    moved.write_text("image,expression\na.png,happy\nb.png,sad\nc.png,fear\n")
    assert feab.score(run, moved) == run.scores  # under another name, and without the pictures
    moved.write_text("image,expression\na.png,happy\nb.png,sad\nc.png,sad\n")
    with pytest.raises(FeabError, match=r"has changed since .*its labels.* are others now.*give the data as it was"):
        feab.score(run, moved)
    moved.write_text("image,valence,arousal\na.png,0,0\n")
    with pytest.raises(FeabError, match="task set_expression was made for labels that the data does not hold now"):
        feab.score(run, moved)


def test_the_embedded_set_keeps_its_own_tasks_and_named_tasks_are_taken(places: dict[str, Path]) -> None:
    assert [part.task.name for part in plan(data="synth_mini", limit=1)] == [
        "synth_expression", "synth_valence_arousal", "synth_action_units",
    ]  # fmt: skip
    assert [part.task.name for part in plan(data=places["direct"])] == [
        "direct_expression", "direct_valence_arousal", "direct_action_units",
    ]  # fmt: skip
    (part,) = plan("synth_expression", data=places["classes"])
    assert (part.task.name, part.dataset.name, part.expected) == ("synth_expression", "classes", 8 * PER_CLASS)


def test_pictures_that_cannot_be_read_stop_a_run_before_it_begins(tmp_path: Path) -> None:
    data = own(tmp_path / "set", "image,expression", "a.png,happy", "b.png,sad")
    (tmp_path / "set" / "b.png").write_text("no picture")
    with pytest.raises(FeabError, match=r"1 of 2 pictures cannot be used:\n  row 3: .*b\.png: not a picture"):
        feab.run("baseline/uniform", data=data.path, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
