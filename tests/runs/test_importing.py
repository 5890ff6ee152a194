"""Files that other programs wrote become run folders, and what does not fit is said, never guessed."""

from __future__ import annotations

import json
import pickle
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faces_folder import make_faces
from hypothesis import given, settings
from hypothesis import strategies as st

import feab
from feab.answers import parse
from feab.errors import FeabError
from feab.jsonfile import load_json
from feab.records import Outcome
from feab.runs import Imported, import_run, load_run, score
from feab.runs.outside.names import Faces, Match
from feab.schemas import VaValue
from feab.tasks import load_tasks
from feab.vocabulary import ALIASES, EXPRESSIONS

EIGHT = [f"p{person:05d}_{number}" for person in range(3) for number in range(8)]
"""The faces that carry an expression; two more of each person carry none."""


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people, 30 pictures."""
    return make_faces(tmp_path_factory.mktemp("data") / "made")


@pytest.fixture
def bring(faces: Path, tmp_path: Path) -> Any:
    """Write a file and import it."""

    def do(content: str | bytes, name: str = "said.csv", tasks: str = "synth_expression", **options: Any) -> Imported:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return import_run(file, tasks=tasks, data=faces, model="theirs", out=tmp_path / "run", **options)

    return do


def noted(done: Imported, words: str) -> Any:
    return next(n for n in done.noted if words in n.what)


def lines(done: Imported) -> dict[str, Any]:
    return {line.sample: line for line in done.run.predictions()}


def table(answers: dict[str, str], header: str = "id,expression") -> str:
    return "\n".join([header, *(f"{name},{answer}" for name, answer in answers.items())]) + "\n"


ALL_HAPPY = dict.fromkeys(EIGHT, "happy")


def test_the_manifest_claims_nothing_that_is_not_known(bring: Any, faces: Path) -> None:
    done = bring(table(ALL_HAPPY))
    manifest = load_run(done.run.path).manifest
    identity = manifest.identity
    assert manifest.provenance == "imported"
    assert manifest.complete
    assert (manifest.input_tokens, manifest.output_tokens, manifest.cost_usd) == (None, None, None)
    assert (identity.model, identity.adapter, identity.sampling) == ("theirs", "imported", {})
    assert identity.crop == identity.image_size == "unknown"
    assert identity.prompts == ["imported"]
    assert identity.tasks["synth_expression"].prompts == {"imported": "unknown"}
    assert identity.adapter_args["format"] == "csv"
    assert len(identity.adapter_args["sha256"]) == 64
    for line in done.run.predictions():
        assert (line.text, line.answer, line.latency_s) == ("happy", "happiness", None)
    assert score(done.run, faces) == done.run.scores
    assert "imported" in done.run.scores.tasks["synth_expression"].prompts
    assert callable(feab.import_run)


def test_an_imported_run_is_checked_on_what_is_scored(bring: Any, faces: Path, tmp_path: Path) -> None:
    done = bring(table(ALL_HAPPY))
    own = tmp_path / "tasks"
    own.mkdir()
    text = load_tasks("synth_expression")[0].file.read_text()
    (own / "mine.yaml").write_text(text.replace("Which expression does this face display?", "What is it?"))
    assert score(done.run, faces, include=[own], write=False) == done.run.scores
    (own / "mine.yaml").write_text(text.replace('version: "1.0"', 'version: "1.1"'))
    with pytest.raises(FeabError, match=r"it was version 1\.0 and is 1\.1 now"):
        score(done.run, faces, include=[own], write=False)


@pytest.mark.parametrize(
    "content",
    [
        "image,text\n{0},\"I think: happy, not sad\"\n",
        "FileName;Response\n{0};happiness\n",
        "\ufefffile_name\tprediction\r\n{0}\tJOYFUL\r\n",
        "x,image_path,label\n1,/data/test/{0},happy\n",
        "x,image_path,label\n1,C:\\\\data\\\\{0}.PNG,happy\n",
    ],
)  # fmt: skip
def test_tables_in_the_shapes_that_people_write(bring: Any, content: str) -> None:
    done = bring(content.replace("{0}", EIGHT[1]))
    assert lines(done)[EIGHT[1]].answer == "happiness"
    assert done.missing.count == 23
    assert not done.run.complete


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", '{"id": "p00000_1", "text": "happy"}\n\n'),
        ("a.jsonl", '{"image": "p00000_1.jpg", "label": ["Happy", "surprise", "other words"]}'),
        ("a.jsonl", '{"p00000_1.jpg": "happy"}\n{"p00000_2.jpg": ["sad"]}\n'),
        ("a.jsonl", '{"id": "p00000_1", "answer": {"expression": "happy"}}'),
        ("a.jsonl", '{"id": "p00000_1", "answer": "happy"}'),
        ("a.json", '{"p00000_1.jpg": "happy"}'),
        ("a.json", '{"p00000_1.jpg": ["happy", "sad"]}'),
        ("a.json", '[{"filename": "p00000_1", "emotion": "happy"}]'),
        ("a.json", '{"p00000_1": {"label": "happy"}}'),
    ],
)
def test_json_in_the_shapes_that_people_write(bring: Any, name: str, content: str) -> None:
    line = lines(bring(content, name))["p00000_1"]
    assert line.answer == "happiness"
    assert line.probabilities is None


def test_a_ranked_list_is_kept_as_it_stood(bring: Any) -> None:
    done = bring('{"p00000_1": ["Happy", "surprise", "neutral"]}', "a.json")
    assert lines(done)["p00000_1"].text == '["Happy", "surprise", "neutral"]'


def test_values_and_action_units_in_one_table(bring: Any) -> None:
    rows = ["id,expression,valence,arousal,AU01,au_2,AU12_c,au6", f"{EIGHT[0]},neutral,0.25,-1,0,1,1.0,"]
    done = bring("\n".join(rows), tasks="synth")
    found = {line.task: line.answer for line in done.run.predictions()}
    assert found["synth_expression"] == "neutral"
    assert found["synth_valence_arousal"] == VaValue(valence=0.25, arousal=-1)
    assert found["synth_action_units"] == [2, 12]
    lacking = noted(done, "without a value")
    assert "AU 6" in lacking.first
    assert done.run.manifest.expected == 24 + 30 + 30


@pytest.mark.parametrize(
    ("value", "expected"), [("[6, 12]", [6, 12]), ('["AU12", "au06"]', [6, 12]), ("[]", []), ('"none"', []),
                            ('"6, 12"', [6, 12]), ("[12, 99]", [12])],
)  # fmt: skip
def test_action_units_as_lists(bring: Any, value: str, expected: list[int]) -> None:
    done = bring(f'{{"id": "{EIGHT[0]}", "aus": {value}}}', "a.jsonl", tasks="synth_action_units")
    assert lines(done)[EIGHT[0]].answer == expected


def test_absent_answers_leave_the_run_incomplete(bring: Any) -> None:
    done = bring(table({**dict.fromkeys(EIGHT[:20], "anger"), EIGHT[20]: "", EIGHT[21]: "NaN"}))
    assert done.missing.count == 4
    assert done.missing.first == tuple(EIGHT[20:])
    assert noted(done, "without an answer").count == 2
    assert not done.run.complete
    assert not done.run.scores.complete
    assert done.run.scores.tasks["synth_expression"].n == 20


def test_absent_answers_count_as_wrong_only_where_that_is_said(bring: Any) -> None:
    right = {name: EXPRESSIONS[int(name[-1])] for name in EIGHT}
    done = bring(table(dict(list(right.items())[:12])), missing="no-answer")
    assert done.run.complete
    assert done.missing.count == 12
    assert done.run.manifest.outcomes.unparsable == 12
    filled = lines(done)[EIGHT[-1]]
    assert (filled.text, filled.answer, filled.outcome) == ("", None, Outcome.UNPARSABLE)
    assert done.run.scores.tasks["synth_expression"].metrics["accuracy"].value == 0.5


def test_what_is_left_out_is_counted_and_named(bring: Any) -> None:
    rows = [*table(ALL_HAPPY).splitlines(), f"{EIGHT[0]},sad", "nobody,sad", "p00000_8,sad", "x.jpg,fear"]
    done = bring("\n".join(rows))
    assert done.rows == 28
    assert noted(done, "answered before").first == (EIGHT[0],)
    assert noted(done, "does not have").first == ("nobody", "x.jpg")
    assert noted(done, "no label of the task").first == ("p00000_8",)
    assert lines(done)[EIGHT[0]].answer == "happiness"
    assert done.run.complete


def test_a_label_outside_the_list_is_kept_and_wrong(bring: Any) -> None:
    done = bring(table({**ALL_HAPPY, EIGHT[1]: "confusion", EIGHT[2]: "unhappy"}))
    line = lines(done)[EIGHT[1]]
    assert (line.text, line.answer, line.outcome) == ("confusion", None, Outcome.UNPARSABLE)
    assert noted(done, "none of the task's").first == ("confusion", "unhappy")
    assert done.run.complete
    assert done.run.scores.tasks["synth_expression"].metrics["accuracy"].value == 2 / 24


def test_every_alias_reads_as_its_label() -> None:
    for alias, label in ALIASES.items():
        assert parse(alias, "expression", [*EXPRESSIONS, "other"]).value == label


def test_draws_prompts_and_tasks_have_columns(bring: Any) -> None:
    rows = ["task,id,prompt,draw,text"]
    for prompt in ("direct", "Which expression is this?"):
        rows += [f"synth_expression,{name},{prompt},{draw},sad" for name in EIGHT for draw in range(2)]
    rows += ["other,p00000_0,direct,0,sad"]
    done = bring("\n".join(rows))
    assert done.run.complete
    assert done.run.manifest.identity.draws == 2
    assert done.run.manifest.identity.prompts == ["direct", "imported"]
    assert done.run.manifest.expected == 96
    assert noted(done, "other tasks").first == ("other",)


def test_columns_by_name(bring: Any) -> None:
    rows = ["img,label,pred,smile", f"{EIGHT[0]},sad,happy,1"]
    columns = {"id": "img", "expression": "pred", "au12": "smile"}
    done = bring("\n".join(rows), tasks="synth_expression,synth_action_units", columns=columns)
    assert {line.task: line.answer for line in done.run.predictions()} == {
        "synth_expression": "happiness",
        "synth_action_units": [12],
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("id,expression\n", "holds no row"),
        ("id,expression\na,b,c\n", ":2: has 3 cells"),
        ("id,id\n", "two columns are called 'id'"),
        ("face,expression\nx,sad\n", "no column says which face"),
        ("id,label,prediction\nx,sad,sad\n", "may both be the expression.*--column expression="),
        ("id,expression\np00000_0,3\n", "is no label but a number"),
        ("id,expression\nnobody,sad\n", "does not have.*nobody.*Ids of the data look like 'p00000_0'"),
        ("id,expression\np00000_0,x\np00000_1,y\n", r"none of the 2 answers.*\(x, y\)"),
        ("id,draw,expression\np00000_0,1,sad\n", "counted from 0"),
        ("id,draw,expression\np00000_0,-1,sad\n", "not a whole number"),
        ("id,draw,expression\np00000_0,1e9,sad\n", "not a whole number"),
        ("id,draw,expression\np00000_0,999999,sad\n", "at most 1000"),
        ('id,expression\np00000_0,"sad\n', "not a CSV table"),
        ("id,expression\np00000_0,s\rd\n", "not a CSV table"),
        (b"id,expression\np00000_0,\xff\n", "not UTF-8"),
        ("id,expression," + ",".join(f"c{i}" for i in range(3000)) + "\n", "at most 2,000"),
    ],
)
def test_bad_tables_are_refused(bring: Any, tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(FeabError, match=message):
        bring(content)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"id": "p00000_0", "valence": NaN, "arousal": 0}', r":1: NaN is not JSON"),
        ('{"id": "p00000_0", "valence": 1e999, "arousal": 0}', "valence is Infinity"),
        ('{"id": "p00000_0", "id": "p00000_1", "valence": 0}', "the key 'id' occurs twice"),
        ('{"id": "p00000_0", "valence": "high", "arousal": 0}', 'valence is "high"'),
        ('{"id": "p00000_0", "valence": true, "arousal": 0}', "valence is true"),
        ('{"id": {"a": 1}, "valence": 0.1, "arousal": 0}', "does not say which face"),
        ('{"id": "p00000_0", "valence": 5, "arousal": 3}', "rescale"),
        ('{"valence": 0.1, "arousal": 0}', "does not say which face"),
        ("[1, 2]", "each line must be a JSON object"),
        ('{"id": ', "not JSON"),
        ("[" * 100_000, "nested too deeply|not JSON"),
        ('{"id": "p00000_0", "text": 5}', "not words"),
        ('{"id": "p00000_0", "valence": ' + "9" * 5000 + ', "arousal": 0}', ":1: "),
        ('{"task": "synth_valence_arousal", "sample": "p00000_0", "prompt": "x", "outcome": "ok", "answer": "sad"}',
         "is none to task"),
        ('{"task": "synth_valence_arousal", "sample": "p00000_0", "prompt": "x", "outcome": "great"}', "outcome"),
    ],
)  # fmt: skip
def test_bad_json_lines_are_refused(bring: Any, content: str, message: str) -> None:
    with pytest.raises(FeabError, match=message):
        bring(content, "a.jsonl", tasks="synth_valence_arousal")


@pytest.mark.parametrize("value", ["0.5", "3", "maybe"])
def test_action_units_are_yes_or_no(bring: Any, value: str) -> None:
    with pytest.raises(FeabError, match="holds 1 or 0"):
        bring(f"id,au12\np00000_0,{value}\n", tasks="synth_action_units")


def test_one_text_is_no_answer_to_three_tasks(bring: Any) -> None:
    with pytest.raises(FeabError, match="add a column task"):
        bring("id,text\np00000_0,happy\n", tasks="synth")


class Bomb:
    """Runs code where a pickle of it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("/tmp/feab-must-not-exist"),))


def test_files_that_could_run_code_are_refused_with_a_hint(tmp_path: Path, faces: Path) -> None:
    np.save(tmp_path / "a.npy", np.array(["x"], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "a.npz", names=np.array(["x"]))
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(Bomb()))
    (tmp_path / "hidden.csv").write_bytes(pickle.dumps(Bomb()))
    with zipfile.ZipFile(tmp_path / "a.json", "w") as archive:
        archive.writestr("x", "y")
    for name in ("a.npy", "a.npz", "a.pkl", "hidden.csv", "a.json"):
        with pytest.raises(FeabError, match=r"json\.dump"):
            import_run(tmp_path / name, tasks="synth_expression", data=faces, model="m", out=tmp_path / "run")
    with pytest.raises(FeabError, match="no such file"):
        import_run(tmp_path / "none.csv", tasks="synth_expression", data=faces, model="m", out=tmp_path / "run")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(FeabError, match="does not tell the format"):
        import_run(tmp_path / "a.txt", tasks="synth_expression", data=faces, model="m", out=tmp_path / "run")


def test_a_folder_with_another_run_is_left_alone(bring: Any, tmp_path: Path) -> None:
    done = bring(table(ALL_HAPPY))
    before = {path.name: path.read_bytes() for path in done.run.path.iterdir()}
    again = bring(table(ALL_HAPPY))
    assert again.run.manifest.identity == done.run.manifest.identity
    assert (done.run.path / "predictions.jsonl").read_bytes() == before["predictions.jsonl"]
    with pytest.raises(FeabError, match=r"(?s)holds another run.*sha256"):
        bring(table(dict.fromkeys(EIGHT, "sad")))
    assert (done.run.path / "predictions.jsonl").read_bytes() == before["predictions.jsonl"]
    assert sorted(path.name for path in done.run.path.iterdir()) == sorted(before)
    (tmp_path / "run2").mkdir()
    (tmp_path / "run2" / "notes.txt").write_text("mine")
    with pytest.raises(FeabError, match=r"holds other files \(notes\.txt"):
        import_run(tmp_path / "said.csv", tasks="synth_expression", model="m", out=tmp_path / "run2")


@pytest.mark.parametrize("options", [{"model": "a\nb"}, {"model": ""}, {"missing": "guess"}, {"columns": {"face": "x"}},
                                     {"format": "xml"}])  # fmt: skip
def test_wrong_words_are_refused_before_anything_is_read(tmp_path: Path, options: dict[str, Any]) -> None:
    asked = {"tasks": "synth_expression", "model": "m", "out": tmp_path / "run", **options}
    with pytest.raises(FeabError):
        import_run(tmp_path / "none.csv", **asked)


def test_names_lead_to_a_face_or_to_none() -> None:
    faces = Faces(["a/1.jpg", "b/1.jpg", "b/2.jpg", "x.7", "x.8", "plain"])
    assert faces.find("a/1.jpg") == ("a/1.jpg", Match.ID)
    assert faces.find("/data/b/1.jpg") == ("b/1.jpg", Match.FILE)
    assert faces.find("2.jpg") == ("b/2.jpg", Match.FILE)
    assert faces.find("c/2.png") == ("b/2.jpg", Match.STEM)
    assert faces.find("1.jpg") == (None, Match.AMBIGUOUS)
    assert faces.find("1.png") == (None, Match.AMBIGUOUS)
    assert faces.find("x.9") == (None, Match.UNKNOWN)
    assert faces.find("plain.JPEG") == ("plain", Match.STEM)
    assert faces.find("") == (None, Match.UNKNOWN)
    assert faces.find("/") == (None, Match.UNKNOWN)


@given(st.text(max_size=60), st.lists(st.text(max_size=20), max_size=6, unique=True))
def test_any_name_is_found_exactly_or_without_a_guess(name: str, ids: list[str]) -> None:
    face, how = Faces(ids).find(name)
    assert (face is None) == (how in (Match.UNKNOWN, Match.AMBIGUOUS))
    assert (how is Match.ID) == (name in ids)
    assert face is None or face in ids


@given(st.text(max_size=200))
def test_any_text_is_json_or_a_fault_that_names_its_place(text: str) -> None:
    try:
        json.dumps(load_json(text, "here:1"))
    except FeabError as error:
        if not str(error).startswith("here:1: "):
            raise


@given(st.binary(max_size=300), st.sampled_from(["csv", "jsonl", "json", "lm-eval"]))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes, kind: Any) -> None:
    from feab.runs.outside.formats import read
    from feab.runs.outside.source import Source

    file = tmp_path_factory.getbasetemp() / "bytes"
    file.write_bytes(data)
    try:
        list(read([file], kind, Source([file]), {}, ["t"]))
    except FeabError as error:
        if str(file) not in str(error):
            raise


CELLS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(EXPRESSIONS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
KEYS = ("id", "task", "prompt", "draw", "text", "label", "valence", "arousal", "aus", "au12", "answer", "finish_reason")


@settings(max_examples=60)
@given(st.lists(st.dictionaries(st.sampled_from(KEYS), CELLS, max_size=5), min_size=1, max_size=3))
def test_any_values_are_answers_or_a_fault_that_names_the_line(faces: Path, rows: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "a.jsonl")
        file.write_text("\n".join(json.dumps({"id": "p00000_1", **row}) for row in rows))
        try:
            done = import_run(file, tasks="synth", data=faces, model="m", out=Path(folder, "run"))
        except FeabError:
            assert not Path(folder, "run").exists()
            return
        assert 0 < len(list(done.run.predictions())) <= 3 * len(rows)
        assert score(done.run, faces, write=False) == done.run.scores
