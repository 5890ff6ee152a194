"""Fine-tuning with a face module, attributes and a budget of frames: on feab-tiny and a handful of faces."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from feab.content import shipped
from feab.errors import FeabError
from feab.records import Image, Message, Text

pytest.importorskip("trl")
pytest.importorskip("peft")
sys.path.insert(0, str(Path(__file__).parent))

from feid_of_faces import feid_of, record, some_faces, write_feid

from feab.training import train
from feab.training.sft.recipe import SftRecipe, Tuning
from feab.training.sft.shown import as_shown, within_budget

torch = pytest.importorskip("torch")
RECIPE = shipped("training") / "feab-tiny-lora.yaml"
FACE = {"network": "rendered", "width": 32, "heads": 2, "queries": 2, "depth": 1, "crop": 8, "question_tokens": 16}
SMALL = {
    "steps": 4, "batch_size": 4, "micro_batch": 2, "save_every": 2, "learning_rate": 0.02,
    "tuning": {"rank": 2, "dropout": 0.0}, "face_info": FACE,
    "validation": {"held_out": 0.2, "samples": 5, "every": 2, "patience": None},
}  # fmt: skip


def trained(feid, out, log=None, **other):
    events = []
    train(RECIPE, out=out, data=feid, log=lambda event: (events.append(event), log and log(event)), **SMALL | other)
    return events


@pytest.fixture(scope="module")
def feid(tmp_path_factory):
    return feid_of(tmp_path_factory.mktemp("feid") / "faces", 12)


@pytest.fixture(scope="module")
def whole(feid, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "faces"
    return out, trained(feid, out)


def weights(path):
    from safetensors.torch import load_file

    return load_file(path / "adapter_model.safetensors")


def test_the_module_learns_and_is_part_of_the_adapter(whole):
    out, events = whole
    faces = next(event for event in events if event["stage"] == "faces")
    learnt_from = next(event for event in events if event["stage"] == "data")["conversations"]
    assert faces["pictures"] == faces["found"] == learnt_from < 12  # faces that are kept out are not read for it
    stored = weights(out / "checkpoints" / "checkpoint-4")
    module = {name: one for name, one in stored.items() if "face_info" in name}
    assert {"gates.0.gate", "maker.queries", "mean", "spread"} <= {name.partition("face_info.")[2] for name in module}
    assert all(one.any() for name, one in module.items() if name.endswith(".gate")), "the gates have begun to open"
    assert next(one for name, one in module.items() if name.endswith("face_info.mean")).any()
    assert all("lora_" in name for name in stored.keys() - module.keys())
    begin = next(event for event in events if event["stage"] == "begin")
    known = sum(one.numel() for name, one in stored.items() if not name.endswith((".mean", ".spread")))
    assert begin["learning"] == known
    assert json.loads((out / "face_info_config.json").read_text())["info"]["network"] == "rendered"
    assert "a face module (mining, face network rendered)" in (out / "README.md").read_text()


def test_no_reading_of_a_face_is_written_down(whole):
    """What is stored of faces is their mean and spread, over all of them together."""
    from safetensors import safe_open

    out, _ = whole
    for path in out.rglob("*.safetensors"):
        with safe_open(path, "pt") as file:
            names = [name for name in file.keys() if "face_info" in name]  # noqa: SIM118
            assert all(file.get_slice(name).get_shape()[0] != 12 for name in names if "gates" not in name)
    beside = [path for path in out.iterdir() if path.suffix in (".npy", ".npz", ".pt", ".bin", ".parquet")]
    assert not beside


def test_through_the_door_that_users_take_it_answers_as_it_was_examined(whole, feid):
    from feab import load_model
    from feab.data.feid import open_feid
    from feab.schemas import Scores
    from feab.training.asking import predictions_of
    from feab.training.sft.examine import examined
    from feab.training.sft.heldout import held_out
    from feab.training.sft.recipe import Validation

    out, _ = whole
    held = held_out(Validation(**SMALL["validation"]), open_feid(feid), 0)
    stored = Scores.model_validate_json((out / "validation.json").read_bytes())
    for name, arguments in (("feab-tiny", {"adapter": str(out)}), (str(out / "card.yaml"), {})):
        model = load_model(name, **arguments)
        predictions = [one for task in held.tasks for one in predictions_of(model, task.questions(held.samples))]
        model.close()
        assert examined(held, predictions).scores == stored


def test_interrupted_and_gone_on_with_it_ends_where_it_would_have(whole, feid, tmp_path):
    out, _ = whole

    def stop(event):
        if event["stage"] == "training" and event["step"] == 3:
            raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError, match="power"):
        trained(feid, tmp_path / "again", stop)
    trained(feid, tmp_path / "again")
    mine, other = (weights(path / "checkpoints" / "checkpoint-4") for path in (tmp_path / "again", out))
    assert mine.keys() == other.keys()
    assert all(torch.allclose(mine[name], other[name], atol=1e-5) for name in mine)


def test_a_prior_token_and_attributes_train_too(feid, tmp_path):
    faces = some_faces(12)
    fingerprint = _fingerprint()
    told = write_feid(tmp_path / "told", [record(face) for face in faces], fingerprint)
    events = trained(
        _named(told, "test"), tmp_path / "out", steps=1, attributes="agr", face_info={**FACE, "kind": "prior-token"}
    )
    assert events[-1]["stage"] == "taken"
    assert json.loads((tmp_path / "out" / "recipe.json").read_text())["attributes"] == "agr"


def _fingerprint():
    from feab.data import load_dataset

    return load_dataset("synth", "test").fingerprint


def _named(folder, split):
    """The same folder, said to be made from another split of synth."""
    path = folder / "feid.json"
    info = json.loads(path.read_text())
    info["sources"][0]["split"] = split
    path.write_text(json.dumps(info))
    return folder


def recipe(**fields):
    return SftRecipe(method="sft", name="x", base="feab-tiny", **fields)


def test_attributes_are_the_datasets_own_and_stand_before_the_first_question(tmp_path):
    from feab.data.feid import open_feid

    faces = some_faces(3)
    folder = _named(
        write_feid(tmp_path / "f", [record(face, "conversation") for face in faces], _fingerprint()), "test"
    )
    told = list(as_shown(open_feid(folder), recipe(attributes="agr")))
    plain = list(as_shown(open_feid(folder), recipe()))
    for face, one, other in zip(faces, told, plain, strict=True):
        text, before = one.messages[0].parts[-1].text, other.messages[0].parts[-1].text
        sentence, _, question = text.partition("\n")
        assert question == before
        assert sentence == (
            f"The dataset describes this person so: age group {face.age_group}, "
            f"perceived gender {face.perceived_gender}, ancestry preset {face.ancestry_preset}."
        )
        assert one.messages[1:] == other.messages[1:]
    other = write_feid(tmp_path / "g", [record(face, "conversation") for face in faces], "0" * 64)
    with pytest.raises(FeabError, match="not the one that the data are made from"):
        list(as_shown(open_feid(_named(other, "test")), recipe(attributes="agr")))


def test_attributes_are_told_when_it_is_examined(tmp_path):
    from feab.data.feid import open_feid
    from feab.training.sft.heldout import held_out
    from feab.training.sft.recipe import Validation

    folder = _named(write_feid(tmp_path / "f", [record(face) for face in some_faces(12)], _fingerprint()), "test")
    validation = Validation(held_out=0.3, samples=5)
    held = held_out(validation, open_feid(folder), 0, "agr")
    plain = held_out(validation, open_feid(folder), 0)
    for task, other in zip(held.tasks, plain.tasks, strict=True):
        for one, two in zip(task.questions(held.samples), other.questions(plain.samples), strict=True):
            words, before = one.messages[0].parts[-1].text, two.messages[0].parts[-1].text
            assert words.startswith("The dataset describes this person so: age group ")
            assert words.endswith("\n" + before)
        assert task.attributes == "agr"


def clip(frames):
    face = some_faces(1)[0]
    media = tuple(replace(face.media, data=bytes([number])) for number in range(frames))
    one = record(face)
    shown = Message("user", (*(Image(each) for each in media), Text("What is displayed?")))
    return replace(one, images=media, messages=(shown, *one.messages[1:]))


@pytest.mark.parametrize(
    ("frames", "budget", "kept"),
    [
        (8, 4, (0, 2, 5, 7)),
        (8, 8, tuple(range(8))),
        (3, 8, (0, 1, 2)),
        (8, 1, (4,)),
        (8, 2, (0, 7)),
        (12, 5, (0, 3, 6, 8, 11)),
    ],
)
def test_a_clip_is_shown_within_its_budget(frames, budget, kept):
    shown = within_budget(clip(frames), budget)
    assert tuple(media.data[0] for media in shown.images) == kept
    parts = shown.messages[0].parts
    assert [part.media.data[0] for part in parts[:-1]] == list(kept)
    assert parts[-1] == Text("What is displayed?")
    assert shown.messages[1:] == clip(frames).messages[1:]


def test_weights_of_the_whole_model_take_no_face_module():
    with pytest.raises(ValueError, match="go with an adapter"):
        recipe(face_info={"network": "rendered"}, tuning=Tuning(kind="full"))


def test_images_and_clips_share_a_batch():
    from feab.models.faceinfo.config import FaceInfo
    from feab.models.faceinfo.networks import open_network
    from feab.models.faceinfo.priors import ROWS, Faces
    from feab.models.hf_load import load_processor, locate
    from feab.training.sft.collate import Collator
    from feab.training.sft.speech import Speech
    from feab.training.sft.talks import Talk

    info = FaceInfo(**FACE)
    processor = load_processor(locate(str(shipped("models") / "feab-tiny"), None, False))
    faces = some_faces(3)
    still = record(faces[0])
    media = tuple(face.media for face in faces)
    moving = replace(
        still, images=media, messages=(Message("user", (*map(Image, media), Text("What?"))), *still.messages[1:])
    )
    collator = Collator(None, processor, Speech(processor, ["</s>"]), Faces(open_network(info), info))
    batch = collator.batch([Talk("a", still.messages), Talk("b", moving.messages)])
    assert batch[ROWS].shape[:2] == (2, 3)
    assert batch[ROWS][0, 0].any()
    assert not batch[ROWS][0, 1:].any()
    assert batch[ROWS][1].any(-1).all()
    assert torch.equal(batch[ROWS][0, 0], batch[ROWS][1, 0])
