"""The report: what it holds, what it leaves out and says so, and that nothing from outside becomes markup."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faces_folder import ANSWERS, make_faces, make_script, picture, rows
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent.parent / "plots"))

from dom import outline, parsed, words

import feab
from feab.data import read_info, write_split
from feab.errors import FeabError
from feab.runs import Run, load_run
from feab.runs.report import write_report

PLACED = ("f1_", "recall_", "votes_", "auroc", "brier", "ece")
"""How the names of scores begin that have a part of the report to themselves."""
EVIL = "\"><script>alert(1)</script><img src=x onerror=alert(2)>\u202e\x1b[31m'{{7*7}}</style>"


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Twelve people, 120 pictures: enough for intervals."""
    return str(make_faces(tmp_path_factory.mktemp("faces") / "made", people=12))


def a_run(folder: Path, faces: str, script: str = ANSWERS, **more: Any) -> Run:
    what = {"tasks": "synth", "data": faces, "out": folder / "run", **more}
    return feab.run(f"mock/{make_script(folder, script)}", **what)


def page_of(run: Run | Path, labels: str | None = None) -> str:
    path = feab.report(run, labels)
    assert path.name == "report.html"
    return path.read_text(encoding="utf-8")


def test_the_page_holds_scores_figures_and_faces(faces: str, tmp_path: Path) -> None:
    run = a_run(tmp_path, faces)
    html = page_of(run, faces)
    text = words(html)
    assert run.scores is not None
    for task in run.scores.tasks.values():
        value, low = task.metrics[task.primary].value, task.metrics[task.primary].low
        assert value is not None
        assert low is not None
        assert f"{value:.3f}".replace("-", "−") in text
        assert f"{low:.3f} to".replace("-", "−") in text
    for shown in (
        "uniform 0.12",
        "always-active",
        "120 of 120 faces",
        "AU12",
        "lip corner puller",
        "recall",
        "“none”",
        "A display is not a feeling",
        run.manifest.identity.model,
        run.manifest.identity_sha256,
        "Which expression does this face display?",
        "I see a nose.",
        "unparsable",
    ):
        assert shown in text, shown
    assert len(re.findall(r'src="data:image/jpeg;base64,', html)) == 120
    assert html.count("<svg") == 3
    confusion = run.scores.tasks["synth_expression"].detail["confusion"]
    cells = re.findall(r'cell (?:same|other)"[^>]*>(?:<span class="zero">)?([\d,]+)', html)
    assert [int(cell) for cell in cells] == [count for row in confusion for count in row]
    assert not [e for e in run.path.iterdir() if e.name.endswith(".new")]


def test_nothing_on_the_page_leads_outside(faces: str, tmp_path: Path) -> None:
    html = page_of(a_run(tmp_path, faces), faces)
    assert "default-src 'none'" in html
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", html)
    assert "http" not in html.replace("http-equiv", "")
    assert html.count("<script") == 1
    assert "@import" not in html
    assert "url(" not in re.sub(r"url\(#t\d-", "", html)


def test_the_same_run_makes_the_same_page(faces: str, tmp_path: Path) -> None:
    run = a_run(tmp_path, faces)
    assert page_of(run, faces) == page_of(run, faces)


def test_a_run_that_was_not_scored_is_scored_first(faces: str, tmp_path: Path) -> None:
    run = a_run(tmp_path, faces)
    scores = (run.path / "scores.json").read_text()
    (run.path / "scores.json").unlink()
    elsewhere = feab.report(run, faces, out=tmp_path / "page.html")
    assert not (run.path / "scores.json").exists()  # a report that goes elsewhere leaves the folder alone
    here = feab.report(run, faces)
    assert (run.path / "scores.json").read_text() == scores
    assert here.read_bytes() == elsewhere.read_bytes()


def test_without_the_dataset_the_page_is_made_from_the_scores_and_says_so(faces: str, tmp_path: Path) -> None:
    run = a_run(tmp_path, faces)
    written = write_report(run)
    html = written.path.read_text()
    assert written.lacking is not None
    assert "no dataset 'made' is known by its name here" in written.lacking
    assert "give the same --data" in words(html)
    assert "data:image" not in html
    assert "<svg" not in html
    assert "macro-F1" in words(html)
    (run.path / "scores.json").unlink()
    with pytest.raises(FeabError, match="was not scored yet, so there is nothing to report"):
        feab.report(run)


def test_the_customary_sum_of_three_tasks_stands_beside_them(faces: str, tmp_path: Path) -> None:
    run = a_run(tmp_path, faces)
    assert "P_MTL" not in words(page_of(run, faces))
    scores = json.loads((run.path / "scores.json").read_text())
    tasks = {name.replace("synth", "affwild2_mtl"): task for name, task in scores["tasks"].items()}
    for task, value in zip(tasks.values(), (0.3, -0.1, 0.45), strict=True):
        task["metrics"][task["primary"]]["value"] = value
    (run.path / "scores.json").write_text(json.dumps({**scores, "tasks": tasks}))
    text = words(page_of(run))  # without the dataset, so that scores.json is what is shown
    assert re.search(r"affwild2_mtl, P_MTL ?0\.650 ?0\.300 ?−0\.100 ?0\.450", text)
    assert "P_MTL: affwild2_mtl's macro-F1, CCC and AU F1 added up" in text
    first = next(iter(tasks))
    (run.path / "scores.json").write_text(json.dumps({**scores, "tasks": {first: tasks[first]}}))
    assert "P_MTL" not in words(page_of(run))


def test_a_broken_line_costs_the_gallery_not_the_page(faces: str, tmp_path: Path) -> None:
    run = a_run(tmp_path, faces)
    lines = (run.path / "predictions.jsonl").read_text().splitlines()
    (run.path / "predictions.jsonl").write_text("\n".join([*lines[:3], '{"task": "x"}', *lines[3:]]) + "\n")
    text = words(page_of(run, faces))
    assert "predictions.jsonl:4" in text
    assert "macro-F1" in text


def test_scores_that_are_not_those_of_the_answers_are_not_believed(faces: str, tmp_path: Path) -> None:
    run = a_run(tmp_path, faces)
    stored = json.loads((run.path / "scores.json").read_text())
    stored["tasks"]["synth_expression"]["metrics"]["macro_f1"]["value"] = 0.9871
    (run.path / "scores.json").write_text(json.dumps(stored))
    text = words(page_of(run, faces))
    assert "Scored anew" in text
    assert "0.987" not in text


@pytest.mark.parametrize("shared", [True, False])
def test_faces_are_embedded_only_where_the_licence_allows(shared: bool, tmp_path: Path) -> None:
    folder = make_faces(tmp_path / "made", people=2)
    info = read_info(folder).model_copy(update={"images_may_be_shared": shared})
    (folder / "dataset.json").write_text(info.model_dump_json(by_alias=True))
    html = page_of(a_run(tmp_path, str(folder)), str(folder))
    assert ("data:image/" in html) == shared
    assert ("Without pictures: the licence of made/test does not let its faces be passed on" in words(html)) != shared
    assert html.count('<li class="card"') == 20
    assert "p00001_3" in html


def test_faces_that_may_be_children_are_never_shown(tmp_path: Path) -> None:
    ages = {"p00000": "4-19", "p00001": "20-39", "p00002": "0-3"}
    info = read_info(make_faces(tmp_path / "first"))
    folder = tmp_path / "made"
    write_split(folder, "test", [{**row, "age_group": ages[row["subject"]]} for row in rows(3)], info)
    html = page_of(a_run(tmp_path, str(folder)), str(folder))
    gallery = html[html.index('id="gallery"') :]
    assert "20 faces are in age groups that can hold people under 18 and are never shown" in words(gallery)
    assert html.count("data:image/") == 10
    assert "p00000_1" not in gallery
    assert "p00002_1" not in gallery


def test_an_incomplete_run_says_so(faces: str, tmp_path: Path) -> None:
    failing = 'answers: [{sample: "*_0", error: {kind: timeout, message: "too <late>"}}, {text: anger}]'
    run = a_run(tmp_path, faces, failing, tasks="synth_expression")
    text = words(page_of(run, faces))
    assert "INCOMPLETE. 12 of 96 answers are missing, 12 of them failed" in text
    assert "timeout: too <late>" in text


def test_an_imported_run_says_that_its_making_is_not_known(faces: str, tmp_path: Path) -> None:
    run = a_run(tmp_path, faces)
    manifest = run.manifest.model_copy(update={"provenance": "imported"})
    (run.path / "manifest.json").write_text(manifest.model_dump_json(by_alias=True))
    assert "answers were made elsewhere; how is not known" in words(page_of(run.path, faces))


def test_several_prompts_are_compared(faces: str, tmp_path: Path) -> None:
    script = """
answers:
  - {task: synth_expression, prompt: direct, texts: [neutral, fear], pick: sample}
  - {task: synth_expression, prompt: json, texts: ['{"expression": "anger"}', "no idea"], pick: sample}
"""
    run = a_run(tmp_path, faces, script, tasks="synth_expression", prompts="direct,json")
    text = words(page_of(run, faces))
    assert run.scores is not None
    values = [
        run.scores.tasks["synth_expression"].prompts[name].metrics["macro_f1"].value for name in ("direct", "json")
    ]
    assert all(value is not None and f"{value:.3f}" in text for value in values)
    assert f"from {min(v for v in values if v):.3f} to {max(v for v in values if v):.3f}" in text
    assert "Sensitivity to the prompt" in text
    assert "Expression · json" in text
    assert "Answer with JSON only" in text
    assert "Sensitivity to the prompt" not in words(
        page_of(feab.run("baseline/uniform", "synth", data=faces, out=tmp_path / "one"), faces)
    )


def test_several_draws_stand_side_by_side_and_count_as_one_answer(faces: str, tmp_path: Path) -> None:
    script = "answers: [{texts: [fear, anger, fear, sadness, surprise, fear, disgust]}]"
    run = a_run(tmp_path, faces, script, tasks="synth_expression", draws=7)
    html = page_of(run, faces)
    card = words(html[html.index('<li class="card"') :].split("</li>")[0])
    assert "raw 1 fear read as fear raw 2 anger" in card
    assert "and 2 more draws" in card
    assert "answer fear" in card


def test_of_many_faces_four_hundred_are_shown_mistakes_first(tmp_path: Path) -> None:
    folder = make_faces(tmp_path / "made", people=60)
    html = page_of(a_run(tmp_path, str(folder), "answers: [{text: fear}]", tasks="synth_expression"), str(folder))
    results = re.findall(r'class="exchange (\w+)"', html)
    assert len(results) == 400
    assert results == ["wrong"] * 340 + ["right"] * 60
    labels = re.findall(r'<li class="card" id="face-\d+" data-label="(\w+)"', html)[:340]
    assert {labels.count(label) for label in set(labels)} <= {48, 49}
    assert "400 of 480 faces: mistakes first" in words(html)


def test_a_long_answer_is_shortened_and_its_length_said(faces: str, tmp_path: Path) -> None:
    script = f'answers: [{{text: "{"a" * 99_995} fear"}}]'
    html = page_of(a_run(tmp_path, faces, script, tasks="synth_expression"), faces)
    assert "of 100,000 characters left out" in words(html)
    assert len(html) < 1_000_000


def test_large_and_broken_pictures(tmp_path: Path) -> None:
    info = read_info(make_faces(tmp_path / "first", people=1))
    made = list(rows(1))
    made[0]["image"] = picture(0, size=3000) + bytes(200_000)
    made[1]["image"] = b"not a picture"
    write_split(tmp_path / "made", "test", made, info)
    html = page_of(a_run(tmp_path, str(tmp_path / "made")), str(tmp_path / "made"))
    assert len(re.findall("data:image/jpeg", html)) == 9
    assert "not shown" in html
    assert len(html) < 400_000


def test_where_the_page_goes(faces: str, tmp_path: Path) -> None:
    run = a_run(tmp_path, faces)
    with pytest.raises(FeabError, match=r"ends in \.html"):
        feab.report(run, faces, out=run.path / "manifest.json")
    with pytest.raises(FeabError, match="cannot be written"):
        feab.report(run, faces, out=tmp_path / "no" / "folder.html")
    (tmp_path / "target").write_text("mine")
    (run.path / "report.html").symlink_to(tmp_path / "target")
    feab.report(run, faces)
    assert (tmp_path / "target").read_text() == "mine"
    assert not (run.path / "report.html").is_symlink()


def evil_everywhere(value: Any, evil: str) -> Any:
    """A JSON value with every text that the schema leaves free replaced, and every key of `detail` and the like."""
    if isinstance(value, dict):
        return {key: evil_everywhere(inner, evil) for key, inner in value.items()}
    if isinstance(value, list):
        return [evil_everywhere(inner, evil) for inner in value]
    return evil if isinstance(value, str) else value


def hostile(run: Run, folder: Path, evil: str) -> Path:
    """The run's folder with `evil` in every text field that a file may carry without failing its schema."""
    folder.mkdir()
    manifest = json.loads((run.path / "manifest.json").read_text())
    kept = {key: manifest[key] for key in ("provenance",)}
    identity = manifest["identity"]
    tasks = {
        name: {**task, "sha256": evil, "prompts": dict.fromkeys(task["prompts"], evil)}
        for name, task in identity["tasks"].items()
    }
    manifest = {**evil_everywhere({k: v for k, v in manifest.items() if k != "identity"}, evil), **kept}
    manifest["versions"][evil] = manifest["machine"][evil] = evil
    manifest["machine"]["deep"] = [{evil: [evil]}]
    manifest["identity"] = {
        **identity,
        **dict.fromkeys(("revision", "adapter", "adapter_version", "crop", "image_size"), evil),
        "adapter_args": {evil: evil, "deep": {evil: [evil]}},
        "sampling": {evil: evil},
        "prompts": [evil],
        "datasets": {evil: evil},
        "tasks": tasks,
    }
    manifest["permission"] = evil
    (folder / "manifest.json").write_text(json.dumps(manifest))
    scores = json.loads((run.path / "scores.json").read_text())
    for task in scores["tasks"].values():
        task["chance"][evil] = 0.3
        task["metrics"][evil] = {"value": 0.1, "low": 0.05, "high": 0.2}
        detail = task["detail"]
        detail["absent"] = {evil: evil}
        detail["groups"] = {evil: {evil: {"n": 5, "clusters": 3, "metrics": {evil: {"value": 0.5}}}}}
        detail["sources"] = {evil: {"n": 5, "clusters": 3, "macro_f1": 0.5}, "b": {"n": 1}}
        if "per_class" in detail:
            detail["per_class"] = {evil + str(i): c for i, c in enumerate(detail["per_class"].values())}
        task["prompts"][evil] = {k: v for k, v in task.items() if k != "prompts"}
    scores["tasks"] = {evil + name: task for name, task in scores["tasks"].items()}
    (folder / "scores.json").write_text(json.dumps(scores))
    return folder


@pytest.fixture(scope="module")
def plain_run(faces: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return a_run(tmp_path_factory.mktemp("plain"), faces)


def without(tags: list[tuple[str, tuple[str, ...]]], *names: str) -> list[tuple[str, tuple[str, ...]]]:
    return [tag for tag in tags if tag[0] not in names]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(codec="utf-8"), min_size=1, max_size=60))
def test_whatever_a_run_folder_says_stays_text(
    text: str, plain_run: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assume(not text.startswith(PLACED))  # a score of such a name stands in another table
    clean = page_of(hostile(plain_run, tmp_path_factory.mktemp("h") / "run", "clean"))
    html = page_of(hostile(plain_run, tmp_path_factory.mktemp("h") / "run", text))
    assert without(outline(html), "wbr") == without(outline(clean), "wbr")


def test_a_hostile_run_folder_renders_nothing_as_markup(plain_run: Run, tmp_path: Path) -> None:
    clean = page_of(hostile(plain_run, tmp_path / "clean", "clean"))
    html = page_of(hostile(plain_run, tmp_path / "evil", EVIL))
    assert without(outline(html), "wbr") == without(outline(clean), "wbr")
    assert [name for _, names in outline(html) for name in names if name.startswith("on")] == []
    assert len([tag for tag in outline(html) if tag[0] == "script"]) == 1
    assert parsed(html).raw == parsed(clean).raw  # nothing of it reached a script or a style
    assert "\u202e" not in html
    assert "\x1b" not in html
    assert "‹U+202E›" in html


@pytest.mark.parametrize(
    "detail",
    [
        {"confusion": "x", "per_class": 7},
        {"confusion": [[1]], "per_class": {"a": {}, "b": {}}},
        {"confusion": [[-1, 2]], "per_class": {"a": {"f1": 1e300}}},
        {"per_class": {str(i): {} for i in range(5000)}},
        {"groups": [1], "slices": {"s": {"v": {"n": "many", "metrics": {}}}}, "absent": {"a": 1}, "sources": None},
        {"per_class": {"a": {"f1": [1]}}, "per_au": {"x": {}}, "valence": "y"},
    ],
)
def test_a_detail_of_the_wrong_form_is_left_out(plain_run: Run, tmp_path: Path, detail: dict[str, Any]) -> None:
    folder = hostile(plain_run, tmp_path / "run", "clean")
    scores = json.loads((folder / "scores.json").read_text())
    for task in scores["tasks"].values():
        task["detail"] = detail
    (folder / "scores.json").write_text(json.dumps(scores))
    assert "macro-F1" in words(page_of(folder))


def test_a_manifest_without_tasks_makes_an_empty_page(plain_run: Run, tmp_path: Path) -> None:
    folder = hostile(plain_run, tmp_path / "run", "clean")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["identity"]["tasks"] = {}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert "macro-F1" not in words(page_of(folder))


def test_a_page_that_cannot_be_finished_leaves_the_old_one(
    faces: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(tmp_path, faces)
    before = page_of(run, faces)

    def broken(*_: object, **__: object) -> Iterator[str]:
        yield "<!doctype html>"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("feab.plots.page.stream", broken)
    with pytest.raises(FeabError, match=r"report\.html: cannot be written \(No space left"):
        feab.report(run, faces)
    assert (run.path / "report.html").read_text() == before
    assert not list(run.path.glob("*.new"))


def test_numbers_that_are_none_are_refused(plain_run: Run, tmp_path: Path) -> None:
    folder = hostile(plain_run, tmp_path / "run", "clean")
    text = (folder / "scores.json").read_text()
    for broken in (
        text.replace('"n": 96', '"n": NaN', 1),
        re.sub(r'"precision": [\d.]+', '"precision": NaN', text, count=1),
    ):
        assert broken != text
        (folder / "scores.json").write_text(broken)
        with pytest.raises(FeabError, match=r"scores\.json"):
            feab.report(load_run(folder))


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(codec="utf-8"), min_size=1, max_size=80))
def test_whatever_a_model_says_stays_text(
    text: str, faces: str, plain_run: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def said(words_said: str) -> list[tuple[str, tuple[str, ...]]]:
        folder = tmp_path_factory.mktemp("said")
        (folder / "manifest.json").write_bytes((plain_run.path / "manifest.json").read_bytes())
        written = map(json.loads, (plain_run.path / "predictions.jsonl").read_text().splitlines())
        named = [line for line in written if line["task"] == "synth_expression"][:20]
        lines = [json.dumps({**line, "text": words_said, "answer": words_said, "outcome": "ok"}) for line in named]
        (folder / "predictions.jsonl").write_text("\n".join(lines) + "\n")
        return without(outline(page_of(folder, faces)), "wbr")

    assert said(text) == said("clean")
