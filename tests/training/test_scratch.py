"""Making a small model: recipes, the two stages on a handful of rendered faces, the gate."""

import json
from pathlib import Path

import numpy as np
import pytest

from feab.errors import FeabError
from feab.training.gate import gate_table
from feab.training.recipe import load_recipe
from feab.vocabulary import FEAB_17

torch = pytest.importorskip("torch")
RECIPE = Path(__file__).resolve().parents[2] / "training" / "tiny.yaml"
SMALL = {
    "architecture": {
        "picture": {"resize": 48, "crop": 32},
        "vision": {"kernel": 3, "width": 16, "blocks": 1, "keys": 4, "values": 8, "out": 32},
        "text": {"width": 32, "mlp": 32, "layers": 1, "heads": 2},
        "vocabulary": 600,
    },
    "vision": {"epochs": 1, "batch_size": 8},
    "language": {"views": 1, "steps": 6, "batch_size": 8},
}


@pytest.fixture(scope="module")
def faces_folder(tmp_path_factory):
    from feab.data.rendered import render_dataset

    return render_dataset(2, 5, 64, tmp_path_factory.mktemp("faces") / "two", workers=1)


def test_the_shipped_recipe_is_valid_and_overrides_apply():
    assert load_recipe(RECIPE).seed == 0
    assert load_recipe(RECIPE, seed=3).seed == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("method: dream", "method 'dream' is not known"),
        ("- a list", "mapping"),
        ("method: scratch\nname: x", "dataset: Field required"),
        ("method: [", "not valid YAML"),
        ("method: !!python/object/apply:os.system [ls]", "not valid YAML"),
    ],
)
def test_bad_recipes_say_what_is_wrong(tmp_path, text, says):
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(FeabError, match=says.replace("[", r"\[")):
        load_recipe(tmp_path / "r.yaml")
    with pytest.raises(FeabError, match="cannot read"):
        load_recipe(tmp_path / "absent.yaml")


def test_a_recipe_becomes_a_model_folder_that_answers(faces_folder, tmp_path):
    from feab.training import train

    options = {**SMALL, "dataset": str(faces_folder), "train_split": "test", "validation_split": "test"}
    out = train(RECIPE, out=tmp_path / "model", log=lambda e: None, **options)
    scores = json.loads((out / "validation.json").read_text())
    assert set(scores) == {"synth_expression", "synth_valence_arousal", "synth_action_units"}
    events = [json.loads(line) for line in (out / "training.jsonl").read_text().splitlines()]
    assert [e["stage"] for e in events if e["stage"] != "faces"][:3] == ["data", "vision", "image tokens"]
    assert (out / "curves.png").stat().st_size > 1000
    with pytest.raises(FeabError, match="already holds a model"):
        train(RECIPE, out=out, log=lambda e: None, **options)


def test_the_shared_question_gives_the_loss_of_the_whole_model():
    from PIL import Image

    from feab.tasks import load_tasks
    from feab.training.language import Speaker, Truth, answer_text, corpus
    from feab.training.recipe import Architecture
    from feab.training.tiny import build_model, build_processor
    from feab.training.tower import make_eye

    torch.manual_seed(0)
    tasks = load_tasks(["synth"])
    known = [Truth("happiness", (0.41, 0.2), frozenset({6, 12})), Truth("anger", (-0.4, -0.02), frozenset())]
    processor = build_processor(Architecture(**SMALL["architecture"]), corpus(tasks, known, ["a", "b"]))
    model = build_model(Architecture(**SMALL["architecture"]), processor.tokenizer).eval()
    speaker = Speaker(model, processor)
    images = [Image.fromarray(np.full((48, 60, 3), shade, np.uint8)) for shade in (30, 200)]
    pixels = torch.cat([processor.image_processor(i, return_tensors="pt")["pixel_values"] for i in images])
    for task in tasks:
        for prompt in task.prompts:
            question = task.prompt_text(prompt, "a")
            answers = [answer_text(task, prompt, task.order(prompt, "a"), truth) for truth in known]
            short = float(speaker.loss(question, make_eye(model)(pixels), answers).detach())
            total, count = 0.0, 0
            for image, answer in zip(images, answers, strict=True):
                said = len(speaker.tokenizer(answer)["input_ids"]) + 1
                messages = [
                    {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]},
                    {"role": "assistant", "content": answer},
                ]
                text = processor.apply_chat_template(messages, tokenize=False)
                whole = processor(text=[text], images=[image], return_tensors="pt")
                logits = model(**whole).logits[0, -said - 1 : -1].detach()
                ids = whole["input_ids"][0, -said:]
                total += float(torch.nn.functional.cross_entropy(logits, ids, reduction="sum"))
                count += said
            assert short == pytest.approx(total / count, rel=1e-4)


def test_every_answer_a_perfect_reader_gives_is_read_back():
    from feab.answers import parse
    from feab.tasks import load_tasks
    from feab.training.language import Truth, answer_text

    truth = Truth("contempt", (-0.276, 0.331), frozenset({12, 14}))
    meant = {"expression": "contempt", "valence_arousal": (-0.3, 0.35), "action_units": frozenset({12, 14})}
    for task in load_tasks(["synth"]):
        for prompt in task.prompts:
            order = task.order(prompt, "x")
            said = answer_text(task, prompt, order, truth)
            choices = None if task.kind == "valence_arousal" else order
            assert parse(said, task.kind, choices).value == meant[task.kind], said


def test_the_gate_passes_what_can_be_told_apart_and_nothing_else():
    rng = np.random.default_rng(0)
    presence = (rng.random((400, len(FEAB_17))) < 0.3).astype(float)
    scores = rng.normal(size=presence.shape)
    seen, rival = FEAB_17.index(9), FEAB_17.index(4)
    scores[:, FEAB_17.index(12)] = presence[:, FEAB_17.index(12)]
    scores[:, seen] = presence[:, seen] + presence[:, rival]  # sees 9, but takes 4 for it
    result = gate_table(presence, scores)
    assert result["coded"] == [12]
    row = result["aus"]["9"]
    assert row["rivals_alone"]["4"] == pytest.approx(0.5)
    assert row["cnn"] > 0.7
    assert 0.4 < result["aus"]["1"]["cnn"] < 0.6
    few = gate_table(np.where(np.arange(400)[:, None] < 5, 1.0, 0.0) * np.ones(len(FEAB_17)), scores)
    assert few["coded"] == []
