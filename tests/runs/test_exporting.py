"""What other programs read of a run, and that reading it back gives the same predictions."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from faces_folder import make_faces, make_script
from hypothesis import given, settings
from hypothesis import strategies as st

import feab
from feab.data import load_dataset
from feab.errors import FeabError
from feab.journal.lines import to_line
from feab.records import Outcome
from feab.runs import Run, export_run, import_run
from feab.runs.outside.cells import cells_of, fields_of, guarded, header, table_writer, unguarded
from feab.runs.outside.lm_eval_log import read_samples, sample_files
from feab.runs.outside.source import Source
from feab.runs.outside.tables import prediction_of, read_csv
from feab.schemas import ErrorInfo, Prediction, UsageInfo, VaValue
from feab.tasks import lm_eval, load_tasks
from feab.vocabulary import EXPRESSIONS, FEAB_17

AUS = list(FEAB_17)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
TEXTS = WORDS | st.sampled_from(["", "=1+1", "'", "''", "'\\x", "a\r\nb", "\r", "a\rb", "\0", "@x", "-.5"])
ANSWERS = st.one_of(
    st.sampled_from([*EXPRESSIONS, "=x", ""]),
    st.builds(VaValue, valence=st.floats(-1, 1), arousal=st.floats(-1, 1)),
    st.sets(st.sampled_from(AUS)).map(sorted),
)
NAMES = st.from_regex(r"\A[^\x00-\x1f\x7f<>\ud800-\udfff]{1,30}\Z")


@st.composite
def predictions(draw: st.DrawFn, name: st.SearchStrategy[str] = NAMES) -> Prediction:
    outcome = draw(st.sampled_from(Outcome))
    failed, ok = outcome is Outcome.ERROR, outcome is Outcome.OK
    return Prediction(
        task=draw(name),
        sample=draw(name),
        prompt=draw(name),
        draw=draw(st.integers(0, 5)),
        text=None if failed else draw(st.none() | TEXTS),
        answer=draw(ANSWERS) if ok else None,
        outcome=outcome,
        error=ErrorInfo(kind=draw(WORDS), message=draw(WORDS)) if failed else None,
        probabilities=draw(st.none() | st.dictionaries(WORDS, st.floats(0, 1), max_size=3)),
        usage=UsageInfo(input_tokens=draw(st.none() | st.integers(0, 10**9))),
        latency_s=draw(st.none() | st.floats(0, 1e6)),
    )


@given(st.lists(predictions(), max_size=6), st.booleans())
def test_any_prediction_comes_back_from_a_table_as_it_was(lines: list[Prediction], more: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "t.csv")
        with file.open("w", newline="", encoding="utf-8") as opened:
            write = table_writer(opened)
            write([*header(AUS), *(["true_expression"] if more else [])])
            for line in lines:
                write([*cells_of(line, AUS), *(["fear"] if more else [])])
        back = [said for _, said in read_csv(file, Source([file]), {})]  # type: ignore[misc]
    assert back == lines


@given(st.none() | TEXTS)
def test_no_cell_is_a_formula(text: str | None) -> None:
    cell = guarded(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert "\0" not in cell
    assert unguarded(cell, "here") == text


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_faces(tmp_path_factory.mktemp("data") / "made", people=12)


@pytest.fixture(scope="module")
def run(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two prompts, two draws, texts of all sorts."""
    folder = tmp_path_factory.mktemp("run")
    script = make_script(
        folder,
        """
seed: 1
answers:
  - {task: synth_expression, texts: [neutral, "=cmd|' /C calc'!A0", "-sad\\n", "I'm sorry, I can't.", ""], pick: sample}
  - {task: synth_valence_arousal, texts: ["valence: 0.5, arousal: 0.1", "?"], pick: sample}
  - {task: synth_action_units, texts: ["1, 2, 5", "6, 12", "none"], pick: sample}
""",
    )
    return feab.run(f"mock/{script}", "synth", data=faces, prompts="direct,shuffled", draws=2, out=folder / "run")


def sorted_lines(run: Run) -> list[bytes]:
    return sorted(to_line(line) for line in run.predictions())


@pytest.mark.parametrize("format", ["csv", "lm-eval"])
def test_export_and_import_give_the_same_predictions_and_scores(
    run: Run, faces: Path, tmp_path: Path, format: Any
) -> None:
    done = export_run(run, tmp_path / "out", format=format, data=faces)
    assert done.predictions == run.manifest.expected
    assert done.left_out == 0
    kind = "csv" if format == "csv" else "lm-eval"
    back = import_run(tmp_path / "out", format=kind, tasks="synth", data=faces, model="m", out=tmp_path / "back")
    assert sorted_lines(back.run) == sorted_lines(run)
    assert back.run.complete
    assert back.run.scores == run.scores
    assert back.run.manifest.outcomes == run.manifest.outcomes
    assert back.run.manifest.input_tokens == run.manifest.input_tokens


def test_a_copy_of_predictions_jsonl_is_read_exactly(run: Run, faces: Path, tmp_path: Path) -> None:
    back = import_run(run.path / "predictions.jsonl", tasks="synth", data=faces, model="m", out=tmp_path / "back")
    assert sorted_lines(back.run) == sorted_lines(run)


def test_labels_are_added_only_where_asked(run: Run, faces: Path, tmp_path: Path) -> None:
    assert export_run(run, tmp_path / "plain.csv").labels_of == ()
    done = export_run(run, tmp_path / "t.csv", labels=True, data=faces)
    assert done.labels_of == ("made (a licence of ours)",)
    with (tmp_path / "plain.csv").open(newline="") as file:
        assert not any(name.startswith("true_") for name in next(csv.reader(file)))
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    labels = load_dataset(str(faces)).labels().set_index("id")
    for row in rows:
        truth = labels.loc[row["sample"]]
        if row["task"] == "synth_expression":
            assert row["true_expression"] == truth["expression"]
        elif row["task"] == "synth_valence_arousal":
            assert math.isclose(float(row["true_valence"]), truth["valence"], rel_tol=1e-7)
        else:
            assert float(row["true_au12_presence"]) == truth["au12_presence"]
            assert row["true_expression"] == ""


def samples(folder: Path, task: str) -> list[dict[str, Any]]:
    (file,) = folder.glob(f"samples_{task}_*.jsonl")
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_the_log_is_what_lm_eval_writes(run: Run, faces: Path, tmp_path: Path) -> None:
    """Keys, hashes and values as lm-eval 0.4.13 wrote them for the same texts (checked against it by hand)."""
    export_run(run, tmp_path / "out", format="lm-eval", data=faces)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["direct", "shuffled"]
    task = load_tasks("synth_expression")[0]
    documents = lm_eval.Documents(task, "shuffled", load_dataset(str(faces)))
    lines = samples(tmp_path / "out" / "shuffled", task.name)
    assert {line["doc_id"] for line in lines} == set(range(96))
    for line in lines:
        doc = documents[line["doc_id"]]
        assert line["doc"] == {**doc, "image": f"image of {doc['id']}"}
        scored = lm_eval.score_expression(doc, line["resps"][0][:1])
        assert {name: line[name] for name in scored} == json.loads(json.dumps(scored))
        assert line["metrics"] == list(scored)
        asked = f"{doc['marker']}{doc['question']}"
        assert line["arguments"]["gen_args_0"]["arg_0"] == asked
        assert line["prompt_hash"] == hashlib.sha256(asked.encode()).hexdigest()
        assert line["target"] == doc["target"]
        assert line["filtered_resps"] == line["resps"][0][:1]
    (file,) = (tmp_path / "out" / "shuffled").glob("results_*.json")
    results = json.loads(file.read_text())
    row = results["results"]["synth_expression"]
    scores = run.scores.tasks["synth_expression"].prompts["shuffled"]  # type: ignore[union-attr]
    assert row["macro_f1,none"] == scores.metrics["macro_f1"].value
    assert row["macro_f1_low,none"] == scores.metrics["macro_f1"].low
    assert row["coverage,none"] == scores.coverage
    assert row["macro_f1_stderr,none"] == "N/A"
    assert results["n-samples"]["synth_expression"] == {"original": 96, "effective": 96}
    assert results["versions"]["synth_expression"] == "1.0"
    assert results["config"]["model"] == "mock"
    assert results["feab"]["provenance"] == "feab"


def test_no_picture_is_in_any_export(run: Run, faces: Path, tmp_path: Path) -> None:
    export_run(run, tmp_path / "lm", format="lm-eval", data=faces)
    export_run(run, tmp_path / "t.csv", labels=True, data=faces)
    pictures = [sample.media.read() for sample in load_dataset(str(faces))]
    for path in [*(tmp_path / "lm").rglob("*.json*"), tmp_path / "t.csv"]:
        data = path.read_bytes()
        assert not any(p in data or base64.b64encode(p)[40:80] in data for p in pictures)


def test_failures_stay_out_of_lm_evals_log_and_in_the_table(faces: Path, tmp_path: Path) -> None:
    script = make_script(
        tmp_path, 'answers: [{sample: "*_1", error: {kind: timeout, message: "=late"}}, {text: happiness}]'
    )
    run = feab.run(f"mock/{script}", "synth_expression", data=faces, out=tmp_path / "run")
    done = export_run(run, tmp_path / "lm", format="lm-eval", data=faces)
    assert (done.predictions, done.left_out) == (84, 12)
    back = import_run(tmp_path / "lm", tasks="synth_expression", data=faces, model="m", out=tmp_path / "a")
    assert back.missing.count == 12
    assert not back.run.complete
    export_run(run, tmp_path / "t.csv")
    back = import_run(tmp_path / "t.csv", tasks="synth_expression", data=faces, model="m", out=tmp_path / "b")
    assert sorted_lines(back.run) == sorted_lines(run)
    assert back.run.manifest.outcomes.error == 12
    assert back.missing.count == 0
    assert not back.run.complete
    filled = import_run(
        tmp_path / "t.csv", tasks="synth_expression", data=faces, model="m", out=tmp_path / "c", missing="no-answer"
    )
    assert filled.run.manifest.outcomes.error == 12  # a failure is never an answer, whatever else is filled in


def test_an_imported_run_is_exported_without_words_that_nobody_knows(faces: Path, tmp_path: Path) -> None:
    ids = [f"p{person:05d}_{number}" for person in range(12) for number in range(8)]
    file = tmp_path / "a.json"
    file.write_text(json.dumps(dict.fromkeys(ids, "happy")))
    run = import_run(file, tasks="synth_expression", data=faces, model="theirs", out=tmp_path / "run").run
    export_run(run, tmp_path / "lm", format="lm-eval", data=faces)
    line = samples(tmp_path / "lm", "synth_expression")[0]
    assert line["doc"]["question"] == ""
    assert line["arguments"]["gen_args_0"] == {"arg_0": "", "arg_1": {}, "arg_2": {"visual": [line["doc"]["image"]]}}
    back = import_run(tmp_path / "lm", tasks="synth_expression", data=faces, model="m", out=tmp_path / "back")
    assert sorted_lines(back.run) == sorted_lines(run)


@pytest.mark.parametrize("format", ["csv", "lm-eval"])
def test_nothing_is_written_into_a_run_folder(run: Run, faces: Path, format: Any) -> None:
    before = sorted(run.path.iterdir())
    for out in (run.path / "predictions.jsonl", run.path, run.path / "sub" / "x"):
        with pytest.raises(FeabError, match="lies in the run folder"):
            export_run(run, out, format=format, data=faces)
    assert sorted(run.path.iterdir()) == before


def test_a_strangers_prompt_names_are_no_paths(faces: Path, tmp_path: Path) -> None:
    line = {"task": "synth_expression", "sample": "p00000_0", "outcome": "ok", "answer": "fear"}
    file = tmp_path / "p.jsonl"
    file.write_text("\n".join(json.dumps({**line, "prompt": name}) for name in ("direct", "evil")))
    run = import_run(file, tasks="synth_expression", data=faces, model="m", out=tmp_path / "run").run
    for path in run.path.iterdir():
        path.write_text(path.read_text().replace('"evil"', '"../../evil"'))
    with pytest.raises(FeabError, match="cannot name a folder"):
        export_run(run.path, tmp_path / "out" / "deep", format="lm-eval", data=faces)
    assert not (tmp_path / "evil").exists()
    file.write_text(json.dumps({**line, "prompt": "../evil"}))
    with pytest.raises(FeabError, match=r"prompt '\.\./evil'"):
        import_run(file, tasks="synth_expression", data=faces, model="m", out=tmp_path / "run2")


# --------------------------------------------------------------------------------------------- what lm-eval itself logs


def logged(doc: dict[str, Any], texts: Sequence[str], name: str = "none", **more: Any) -> str:
    return json.dumps({"doc_id": 0, "doc": doc, "resps": [list(texts)], "filter": name, **more})


def read(folder: Path, tasks: Sequence[str], **columns: str) -> list[Any]:
    files = sample_files(folder)
    return list(read_samples(files, Source(files), columns, tasks))


def test_lm_evals_own_log_is_read_by_its_raw_answers(faces: Path, tmp_path: Path) -> None:
    task = load_tasks("synth_expression")[0]
    documents = lm_eval.Documents(task, "shuffled", load_dataset(str(faces)))
    lines = []
    for doc in documents:
        plain = {**doc, "image": repr(doc["image"])}
        lines += [logged(plain, [doc["target"], "sad"], name, filtered_resps=["?"]) for name in ("strict", "loose")]
    (tmp_path / "samples_synth_expression_2026-08-31T10-00-00.123.jsonl").write_text("\n".join(lines))
    done = import_run(tmp_path, tasks="synth_expression", data=faces, model="m", out=tmp_path / "run")
    assert done.rows == 192
    assert done.run.complete
    identity = done.run.manifest.identity
    assert identity.prompts == ["shuffled"]  # the very words are in the log
    assert identity.tasks["synth_expression"].prompts == {"shuffled": "unknown"}  # but not the limits and the rest
    assert identity.draws == 2
    assert done.run.scores.tasks["synth_expression"].coverage == 1  # type: ignore[union-attr]


def test_logs_of_other_tasks_and_keys(tmp_path: Path) -> None:
    file = tmp_path / "samples_theirs_2026-08-31T10-00-00.jsonl"
    file.write_text(logged({"picture": "p1.jpg", "label": "x"}, ["sad"]))
    (row,) = read(tmp_path, ["ours"], id="picture")
    assert row.values == {"id": "p1.jpg", "text": "sad", "draw": 0}
    assert read(tmp_path, ["ours", "more"], id="picture")[0].values["task"] == "theirs"
    with pytest.raises(FeabError, match="--column id=KEY"):
        read(tmp_path, ["ours"])
    (tmp_path / "samples_theirs_2026-09-01T10-00-00.jsonl").write_text("{}")
    with pytest.raises(FeabError, match="several logs of task theirs"):
        read(tmp_path, ["ours"])


@pytest.mark.parametrize(
    "line",
    ["{}", "[]", '{"doc": []}', logged({"id": "a"}, []),
     '{"doc": {"id": "a"}, "resps": [[["-1.2", "False"]], [["-3", "True"]]]}',
     logged({"id": "a"}, ["x"], feab={"draws": []}), logged({"id": "a"}, ["x"], feab={"draws": [{"outcome": "ok"}]})],
)  # fmt: skip
def test_bad_logs_are_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "samples_t_2026-08-31T10-00-00.jsonl").write_text(line)
    with pytest.raises(FeabError, match=r"jsonl:1: "):
        read(tmp_path, ["t"])


def test_links_in_a_folder_of_logs_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.jsonl").write_text(logged({"id": "a"}, ["x"]))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "samples_t_2026-08-31T10-00-00.jsonl").symlink_to(tmp_path / "secret.jsonl")
    with pytest.raises(FeabError, match="holds no samples"):
        read(tmp_path / "logs", ["t"])


@settings(max_examples=30)
@given(texts=st.lists(TEXTS, min_size=8, max_size=8))
def test_any_text_comes_back_from_lm_evals_form(
    faces: Path, run: Run, tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lines = [
            {
                "task": "synth_expression",
                "sample": f"p00000_{i}",
                "prompt": "direct",
                "text": text,
                "outcome": "unparsable",
            }
            for i, text in enumerate(texts)
        ]
        file = Path(folder, "p.jsonl")
        file.write_text("\n".join(map(json.dumps, lines)))
        options: dict[str, Any] = {"tasks": "synth_expression", "data": faces, "model": "m"}
        first = import_run(file, out=Path(folder, "a"), **options).run
        export_run(first, Path(folder, "lm"), format="lm-eval", data=faces)
        back = import_run(Path(folder, "lm"), out=Path(folder, "b"), **options).run
        assert sorted_lines(back) == sorted_lines(first)
        assert [line.text for line in back.predictions()] == texts


def test_fields_are_checked_like_any_prediction() -> None:
    row = dict(zip(header([]), ["t", "s", "p", "0", "ok", "", "", "nan", "0", *[""] * 6], strict=True))
    assert fields_of(row, "here")["answer"] == {"valence": "nan", "arousal": "0"}
    with pytest.raises(FeabError, match="here: "):
        prediction_of("here", fields_of(row, "here"))
