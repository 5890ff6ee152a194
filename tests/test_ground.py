"""The ground floor: words, records, schemas, content folders."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from feab import content
from feab.errors import FeabError
from feab.records import Answer, Completion, Failure, Media, Outcome, Question
from feab.schemas import SCHEMA, Prediction, RunManifest, Scores, VaValue, answer_json
from feab.vocabulary import ACTION_UNITS, ALIASES, EXPRESSIONS, FEAB_17, canonical_label

QUESTION = Question("t", "s", "direct", "expression", ())


def test_feab_17_is_the_union_of_what_bp4d_disfa_and_aff_wild2_code():
    bp4d = {1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24}
    disfa = {1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26}
    affwild2 = {1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26}
    assert set(FEAB_17) == bp4d | disfa | affwild2
    assert list(FEAB_17) == sorted(FEAB_17)
    assert [ACTION_UNITS[n].number for n in FEAB_17] == list(FEAB_17)


def test_every_alias_names_an_expression_or_other():
    assert set(ALIASES.values()) == {*EXPRESSIONS, "other"}
    assert canonical_label("  Happy ") == "happiness"
    assert canonical_label("ＳＡＤ") == "sadness"
    with pytest.raises(FeabError, match="unknown expression label 'unhappy'"):
        canonical_label("unhappy")


def test_a_completion_is_texts_or_an_error_and_never_both():
    assert Completion(QUESTION, ("fear",)).error is None
    with pytest.raises(ValueError, match="one of them"):
        Completion(QUESTION)
    with pytest.raises(ValueError, match="one of them"):
        Completion(QUESTION, ("fear",), error=Failure("timeout", "late"))


def test_media_without_bytes_or_path_cannot_be_read(tmp_path):
    (tmp_path / "face.jpg").write_bytes(b"jpeg")
    assert Media(path=str(tmp_path / "face.jpg")).read() == b"jpeg"
    with pytest.raises(OSError, match="neither"):
        Media().read()


def line(**changes):
    return {"task": "t", "sample": "s", "prompt": "p", "draw": 0, "text": "x", "outcome": "unparsable", **changes}


@pytest.mark.parametrize(
    "wrong",
    [
        line(outcome="ok"),
        line(answer="fear"),
        line(outcome="error"),
        line(error={"kind": "timeout", "message": "late"}),
        line(outcome="ok", answer={"valence": 1.1, "arousal": 0}),
        line(outcome="ok", answer={"valence": float("nan"), "arousal": 0}),
        line(draw=-1),
        line(sample=""),
        line(sample="a\x1b[31m"),
        line(sample="<b>"),
        line(label="fear"),
        line(probabilities={"fear": 1.5}),
    ],
)
def test_a_line_that_contradicts_itself_is_refused(wrong):
    with pytest.raises(ValidationError):
        Prediction.model_validate(wrong)


@given(st.floats(-1, 1), st.floats(-1, 1), st.sets(st.sampled_from(FEAB_17)), st.sampled_from(EXPRESSIONS))
def test_answers_survive_the_file(valence, arousal, aus, label):
    for value in (label, (valence, arousal), frozenset(aus)):
        written = answer_json(Answer(value, Outcome.OK))
        again = Prediction.model_validate_json(
            Prediction(task="t", sample="s", prompt="p", answer=written, outcome=Outcome.OK).model_dump_json()
        )
        assert again.answer == written
        if isinstance(value, tuple):
            assert isinstance(again.answer, VaValue)


def test_a_newer_schema_is_refused_by_name():
    with pytest.raises(ValidationError, match="upgrade feab"):
        Scores.model_validate({"schema": SCHEMA + 1, "tasks": {}})
    assert json.loads(Scores(tasks={}).model_dump_json())["schema"] == SCHEMA
    assert "schema" in RunManifest.model_json_schema(by_alias=True)["properties"]


def test_content_is_found_and_a_users_folder_comes_first(tmp_path):
    mine = tmp_path / "mine"
    (mine / "tasks").mkdir(parents=True)
    assert content.folders("tasks", [mine])[0] == mine / "tasks"
    assert content.folders("models", [mine])[0] == mine
    assert (content.shipped("tasks") / "synth.yaml").is_file()
    with pytest.raises(FeabError, match="no such folder"):
        content.folders("tasks", [tmp_path / "absent"])


def test_places_follow_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("FEAB_DATA", str(tmp_path / "d"))
    monkeypatch.setenv("FEAB_CACHE", str(tmp_path / "c"))
    assert content.data_home() == tmp_path / "d"
    assert content.cache_home() == tmp_path / "c"


def test_import_feab_is_light():
    heavy = {"torch", "datasets", "transformers", "lm_eval", "gradio", "pandas", "pyarrow", "matplotlib", "openai"}
    code = f"import sys, feab; print(sorted({heavy!r} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_an_unknown_name_is_an_attribute_error():
    import feab

    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = feab.nonsense
