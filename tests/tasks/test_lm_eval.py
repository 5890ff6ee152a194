"""The door for lm-evaluation-harness, used as the harness uses it but without it."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
import yaml

from feab.data import load_dataset, write_split
from feab.errors import FeabError
from feab.records import Media
from feab.schemas import DatasetInfo, Prediction
from feab.tasks import lm_eval, load_tasks
from feab.tasks.scoring import score_task

TASKS = load_tasks("synth")
EXPRESSION, VA, UNITS = TASKS


def jpeg(shade: int) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("L", (8, 8), shade).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Sixty tiny faces of twelve people; every third is a free combination without a class."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "id": f"f{i:02d}",
            "image": jpeg(4 * i),
            "subject": f"p{i // 5}",
            "expression": ("anger", "fear")[i % 2] if i % 3 else None,
            "valence": float(rng.uniform(-1, 1)),
            "arousal": float(rng.uniform(-1, 1)),
            **{f"au{au:02d}_presence": None if au == 24 else float(rng.random() < 0.5) for au in UNITS.aus},
        }
        for i in range(60)
    ]
    target = tmp_path_factory.mktemp("data") / "faces"
    info = DatasetInfo(
        name="faces", version="1", splits={}, licence="CC0", images_may_be_shared=True, third_party="allowed",
        labels=["anger", "fear"], aus=list(UNITS.aus),
    )  # fmt: skip
    write_split(target, "test", rows, info)
    return target


def metadata(task, folder, **more):
    """What lm-eval passes: the file's metadata, what the user added, and where the file lies."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))
    found = yaml.load(task.file.read_text(), Loader)
    return {**found["metadata"], "pretrained": "x", "config_source": str(task.file), "data": str(folder), **more}


def documents(task, folder, **more):
    return lm_eval.dataset(**metadata(task, folder, **more))["test"]


def score(task, docs, answer):
    """Ask, process and aggregate as lm-eval does."""
    process = getattr(lm_eval, f"score_{task.kind}")
    rows = [process(doc, [answer(doc)]) for doc in docs]
    names = [name for name in rows[0] if name != "coverage"]
    return {name: getattr(lm_eval, name)([row[name] for row in rows]) for name in names} | {
        "coverage": sum(row["coverage"] for row in rows) / len(rows)
    }


def test_documents_hold_the_question_and_are_those_a_feab_run_asks_about(folder):
    dataset = load_dataset(folder)
    for task in TASKS:
        for prompt in task.prompts:
            docs = documents(task, folder, prompt=prompt)
            asked = list(task.questions(dataset, prompt))
            assert [doc["id"] for doc in docs] == [q.sample for q in asked]
            assert [doc["question"] for doc in docs] == [q.messages[0].parts[1].text for q in asked]
            assert len(docs) == len(asked) == (40 if task.kind == "expression" else 60)
            assert docs[3]["image"].read() == asked[3].messages[0].parts[0].media.read()
        assert list(docs.features) == list(docs[0])


def test_a_document_can_be_logged_and_never_with_its_picture(folder):
    docs = documents(EXPRESSION, folder)
    logged = json.dumps(docs[0], default=str)
    assert "image of f01" in logged
    assert logged == json.dumps(documents(EXPRESSION, folder)[0], default=str)
    assert len(logged) < 1000


def test_image_is_a_list_of_one_rgb_picture(folder):
    (picture,) = lm_eval.image(documents(VA, folder)[5])
    assert (picture.mode, picture.size) == ("RGB", (8, 8))
    assert abs(picture.getpixel((4, 4))[0] - 20) < 4


def test_image_stands_upright():
    from PIL import Image

    lying, buffer = Image.new("RGB", (8, 4)), io.BytesIO()
    lying.getexif()[0x0112] = 6  # turned by a quarter, as phones write it
    lying.save(buffer, "JPEG", exif=lying.getexif())
    (picture,) = lm_eval.image({"image": Media(data=buffer.getvalue())})
    assert picture.size == (4, 8)


@pytest.mark.parametrize(
    ("arguments", "marker"),
    [
        ({"pretrained": "x"}, "<image>"),
        ({"model": "x", "base_url": "http://localhost"}, ""),
        ({"pretrained": "x", "base_url": "http://localhost"}, ""),
        ({"model": "gpt-4o"}, ""),
    ],
)
def test_only_a_model_that_lm_eval_loads_is_sent_the_marker(folder, arguments, marker):
    given = {name: value for name, value in metadata(VA, folder).items() if name != "pretrained"}
    docs = lm_eval.dataset(**given, **arguments)["test"]
    assert {doc["marker"] for doc in docs} == {marker}
    assert all("<image>" not in doc["question"] for doc in docs)


def test_a_good_answer_scores_one_and_the_target_is_one(folder):
    for task in TASKS:
        scores = score(task, documents(task, folder), lambda doc: doc["target"])
        first = next(iter(scores))
        assert scores[first] == pytest.approx(1.0, abs=1e-3)
        assert scores["coverage"] == 1.0


def test_the_scores_are_those_of_a_feab_run(folder):
    from feab.answers import parse
    from feab.schemas import answer_json

    rng = np.random.default_rng(1)
    said = {
        "expression": ["anger", "It displays fear.", "I cannot say", "neutral"],
        "valence_arousal": ["valence: 0.5, arousal: -0.2", "valence: -0.7, arousal: 0.1", "no idea"],
        "action_units": ["1, 2, 4", "none", "12, 25, 26", "hm"],
    }
    for task in TASKS:
        docs = documents(task, folder, prompt="shuffled")
        answers = {doc["id"]: str(rng.choice(said[task.kind])) for doc in docs}
        theirs = score(task, docs, lambda doc, answers=answers: answers[doc["id"]])
        lines = []
        for question in task.questions(load_dataset(folder), "shuffled"):
            text = answers[question.sample]
            answer = parse(text, task.kind, question.choices or None)
            lines.append(
                Prediction(
                    task=task.name, sample=question.sample, prompt="shuffled", text=text,
                    answer=answer_json(answer), outcome=answer.outcome,
                )
            )  # fmt: skip
        ours = score_task(task, lines, load_dataset(folder))
        assert theirs.pop("coverage") == pytest.approx(ours.coverage)
        assert 0 < ours.coverage < 1
        for name, value in theirs.items():
            metric, _, end = name.rpartition("_")
            if end in {"low", "high"}:
                assert value == pytest.approx(getattr(ours.metrics[metric], end))
            else:
                assert value == pytest.approx(ours.metrics[name].value)


def test_few_people_have_no_interval(folder):
    docs = documents(EXPRESSION, folder)
    items = [lm_eval.score_expression(docs[i], ["fear"])["macro_f1"] for i in range(20)]
    assert lm_eval.macro_f1(items) == pytest.approx(1 / 3, abs=0.1)
    assert math.isnan(lm_eval.macro_f1_low(items))


def test_mistakes_are_named(folder):
    with pytest.raises(FeabError, match="has no prompt 'polite'"):
        documents(EXPRESSION, folder, prompt="polite")
    with pytest.raises(FeabError, match=r"metadata\.kind|kind: must be one of"):
        documents(EXPRESSION, folder, kind="mood")
    with pytest.raises(FeabError, match="holds no sample"):
        documents(EXPRESSION, folder, labels=["pain", "boredom"], definitions={})


def test_every_function_a_task_file_names_is_here():
    for task in TASKS:
        for word in task.file.read_text().split("!function ")[1:]:
            module, _, name = word.split()[0].rstrip(",}").rpartition(".")
            assert module == "feab.tasks.lm_eval"
            assert callable(getattr(lm_eval, name))


def test_clips_are_not_shown_one_picture_of_each(tmp_path):
    info = DatasetInfo(
        name="clips", version="1", splits={}, licence="CC0", images_may_be_shared=True, third_party="allowed",
        labels=["anger", "fear"],
    )  # fmt: skip
    write_split(tmp_path / "clips", "test", [{"id": "a", "expression": "fear", "frames": [jpeg(1), jpeg(2)]}], info)
    with pytest.raises(FeabError, match="holds clips, and lm-eval is shown one picture"):
        lm_eval.dataset(**metadata(EXPRESSION, tmp_path / "clips"))
