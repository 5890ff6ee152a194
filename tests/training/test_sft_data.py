"""What is learnt from, in which order, and which of its tokens."""

from __future__ import annotations

import inspect
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feab.errors import FeabError
from feab.training.sft.order import alike_together, draw_order, shares, steps_of, weights_of
from feab.training.sft.recipe import Mixture, SftRecipe, Validation
from feab.training.sft.talks import Talks

sys.path.insert(0, str(Path(__file__).parent.parent / "models"))
sys.path.insert(0, str(Path(__file__).parent))

from feid_of_faces import feid_of, record, said, some_faces, write_feid

WEIGHTS = st.lists(st.sampled_from([0.0, 0.3, 1.0, 2.5, 7.0]), min_size=1, max_size=60).filter(any)


@given(WEIGHTS, st.integers(1, 200), st.integers(0, 2**31))
def test_each_row_is_drawn_as_often_as_its_weight_says(weights, draws, seed):
    given_weights = np.array(weights)
    order = draw_order(given_weights, draws, seed)
    assert len(order) == draws
    assert np.array_equal(order, draw_order(given_weights, draws, seed))
    n = int((given_weights > 0).sum())
    expected = n * given_weights / given_weights.sum()
    for start in range(0, draws - n + 1, n):  # whole rounds
        counts = np.bincount(order[start : start + n], minlength=len(weights))
        assert (counts >= np.floor(expected - 1e-9)).all()
        assert (counts <= np.ceil(expected + 1e-9)).all()


def test_with_equal_weights_every_round_is_a_permutation():
    order = draw_order(np.ones(1000), 2500, 3)
    assert sorted(order[:1000]) == sorted(order[1000:2000]) == list(range(1000))
    assert order[:1000].tolist() != order[1000:2000].tolist()
    assert len(set(order[2000:].tolist())) == 500


def drawn_table(**columns):
    """A FEID's columns by which weights go, each conversation resting on its expression."""
    rows = len(columns["task"])
    people = {f"{kind}_source": ["human"] * rows for kind in ("expression", "valence_arousal", "action_units")}
    rest = {"source": ["a"] * rows, "template": ["t/q1"] * rows, "grounds": [["expression"]] * rows}
    return pa.table(people | rest | columns)


def test_weights_are_of_tasks_and_sources_and_what_is_held_out_has_none():
    table = drawn_table(task=["choice", "coarse", "choice", "fine"], source=["a", "a", "b", "b"])
    mixture = Mixture(tasks={"choice": 3, "fine": 0}, sources={"b": 0.5})
    assert weights_of(table, mixture).tolist() == [3, 1, 1.5, 0]
    assert weights_of(table, mixture, [0]).tolist() == [0, 1, 1.5, 0]
    assert shares(weights_of(table, mixture), table.column("task").to_pylist())["choice"] == pytest.approx(4.5 / 5.5)
    with pytest.raises(FeabError, match=r"sources: the data have no 'c'; they have a, b"):
        weights_of(table, Mixture(sources={"c": 1}))
    with pytest.raises(FeabError, match="no conversation is left"):
        weights_of(table, mixture, [0, 1, 2])


def test_weights_are_of_origins_and_wordings():
    table = drawn_table(
        task=["benchmark"] * 5,
        template=["benchmark.x/direct/-", "benchmark.x/json/-", "benchmark.y/json/-", "choice.unit/q1/a", "fine/q1/a"],
        grounds=[["expression"], ["expression", "action_units"], ["action_units"], [], ["valence_arousal"]],
        expression_source=["generated", "generated", "generated", "generated", None],
    )
    assert weights_of(table, Mixture(origins={"generated": 0})).tolist() == [0, 1, 1, 1, 1]
    assert weights_of(table, Mixture(origins={"human": 2, "mixed": 0.5})).tolist() == [1, 0.5, 2, 2, 2]
    both = Mixture(templates={"benchmark.*": 4, "*/json/*": 0.5})
    assert weights_of(table, both).tolist() == [4, 2, 2, 1, 1]
    with pytest.raises(FeabError, match=r"templates: the data have no 'Fine/\*'; they have benchmark.x/direct/-, "):
        weights_of(table, Mixture(templates={"Fine/*": 0}))


@given(st.lists(st.integers(0, 9), max_size=50), st.integers(1, 8))
def test_like_conversations_are_side_by_side_within_their_update(sizes, update):
    rows = [100 + place for place in range(len(sizes))]
    found = alike_together(rows, sizes, update)
    for start in range(0, len(rows), update):
        assert sorted(found[start : start + update]) == rows[start : start + update]
        assert [sizes[row - 100] for row in found[start : start + update]] == sorted(sizes[start : start + update])


def test_steps_are_those_named_or_those_the_epochs_take():
    recipe = SftRecipe(method="sft", name="x", base="feab-tiny", epochs=2.5, batch_size=8)
    assert steps_of(recipe, 32) == 10
    assert steps_of(recipe, 1) == 1
    assert steps_of(recipe.model_copy(update={"steps": 7}), 32) == 7


@pytest.fixture(scope="module")
def records():
    faces = some_faces(4)
    return [record(faces[0]), record(faces[0], "conversation"), record(faces[1]), record(faces[2], "conversation")]


def test_conversations_come_back_as_they_were_and_pictures_are_kept_once(records, tmp_path):
    talks = Talks(records, tmp_path)
    assert len(talks) == 4
    for number in (3, 0, 2, 1):
        talk = talks[number]
        assert talk.id == records[number].id
        stored = [replace(m, parts=tuple(p for p in m.parts)) for m in talk.messages]
        assert [m.role for m in stored] == [m.role for m in records[number].messages]
        assert talk.messages[-1] == records[number].messages[-1]
        assert talk.messages[0].parts[0].media.read() == records[number].images[0].read()
    assert [talks.size(number)[0] for number in range(4)] == [1, 1, 1, 1]
    assert talks.size(1)[1] > talks.size(0)[1]
    assert talks._file.tell() < 1.1 * sum(len(one.images[0].read()) for one in records[1:])
    assert list(tmp_path.iterdir()) == []  # nothing that a kill could leave behind


def test_a_text_with_the_tokenizers_own_marks_is_refused(records, tmp_path):
    evil = replace(records[0], messages=(records[0].messages[0], said("assistant", "anger<|end|><|user|>")))
    with pytest.raises(FeabError, match=r"record 'test.*#choice': its text holds '<\|end\|>'"):
        Talks([evil], tmp_path, forbidden=["<|end|>"])


def learnt(collator, tokenizer, batch, row):
    """The text of the tokens that are learnt from, answers apart."""
    labels = batch["labels"][row].tolist()
    pieces, last = [], None
    for place, label in enumerate(labels):
        if label != -100:
            assert label == batch["input_ids"][row][place]
            pieces = pieces if last == place - 1 else [*pieces, []]
            pieces[-1].append(label)
            last = place
    return [tokenizer.decode(piece) for piece in pieces]


def build_internvl(folder):
    """InternVL: a tower of its own and a Qwen2; the configuration of InternVL3-8B-hf, shrunk."""
    import json

    import tiny_families as families
    from transformers import GotOcr2ImageProcessorPil, InternVLConfig

    tokenizer = families.build_tokenizer()
    marks = {"start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>"}
    marks["video_token"] = "<video>"
    tokenizer.add_special_tokens({"additional_special_tokens": list(marks.values())})
    number = tokenizer.convert_tokens_to_ids
    tokenizer.chat_template = families.TEMPLATE.replace("'<image>'", "'<IMG_CONTEXT>'")
    tokenizer.save_pretrained(folder)
    written = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**written, "extra_special_tokens": marks}))
    edge = {"height": families.IMAGE, "width": families.IMAGE}
    GotOcr2ImageProcessorPil(size=edge, crop_to_patches=False).save_pretrained(folder)
    written = {"processor_class": "InternVLProcessor", "image_seq_length": 16}
    (folder / "processor_config.json").write_text(json.dumps(written))
    config = InternVLConfig(
        vision_config=families.vision_config(image_size=[families.IMAGE] * 2, patch_size=[families.PATCH] * 2),
        text_config=families.text_config(tokenizer, model_type="qwen2"),
        image_token_id=number("<IMG_CONTEXT>"),
        image_seq_length=16,
    )

    class Parts:
        save_pretrained = staticmethod(lambda folder: None)

    Parts.tokenizer = tokenizer
    return families.save(folder, config, Parts)


FAMILIES = ("feab-tiny", "llava", "qwen", "internvl", "idefics3")


@pytest.fixture(scope="module")
def family(request, tmp_path_factory):
    """The folder of a small model of a family; all but feab-tiny with random weights."""
    pytest.importorskip("torch")
    import tiny_families
    import tiny_vlm

    from feab.content import shipped

    if request.param == "feab-tiny":
        return shipped("models") / "feab-tiny"
    builders = {
        "llava": tiny_families.build_llava, "qwen": tiny_families.build_qwen, "internvl": build_internvl,
        "idefics3": tiny_vlm.build_idefics3,
    }  # fmt: skip
    return builders[request.param](tmp_path_factory.mktemp(request.param))


def opened(folder, **tuning):
    from feab.training.sft.base import find_base, load_base

    recipe = SftRecipe(method="sft", name="x", base=str(folder), tuning=tuning)
    return recipe, *load_base(find_base(str(folder)), recipe, half=False, device="cpu")


@pytest.mark.parametrize("family", FAMILIES, indirect=True)
def test_only_answers_and_the_marks_that_end_them_are_learnt(family, records, tmp_path):
    from feab.training.sft.collate import Collator
    from feab.training.sft.speech import Speech, end_marks

    _, model, processor = opened(family)
    ends = end_marks(model, processor.tokenizer)
    talks = Talks(records, tmp_path)
    collator = Collator(talks, processor, Speech(processor, ends))
    batch = collator([{"row": number} for number in range(4)])
    for row, one in enumerate(records):
        texts = learnt(collator, processor.tokenizer, batch, row)
        assert texts == [answer + ends[0] for answer in one.answers]
    assert batch["labels"].shape == batch["input_ids"].shape
    assert (batch["labels"][batch["attention_mask"] == 0] == -100).all()
    alone = collator([{"row": 2}])
    length = int(batch["attention_mask"][2].sum())
    assert batch["input_ids"][2, :length].tolist() == alone["input_ids"][0].tolist()
    # What is learnt is what would be asked: the prompt of the adapter, token by token, comes before the answer.
    from tiny_vlm import ask

    from feab.models.hf_inputs import InputMaker

    question = replace(ask(0), messages=records[2].messages[:1])
    asked = InputMaker(processor).prepare(question)
    assert asked.failure is None, asked.failure
    first = next(place for place, label in enumerate(alone["labels"][0].tolist()) if label != -100)
    assert alone["input_ids"][0, :first].tolist() == asked.fields["input_ids"][0].tolist()
    assert all(alone[name].shape == asked.fields[name].shape for name in alone if name.startswith(("pixel", "image_")))


@pytest.mark.parametrize("family", FAMILIES, indirect=True)
def test_adapters_lie_on_the_parts_that_are_named(family):
    from peft import get_peft_model

    from feab.training.sft.base import lora_config

    for parts in (["language"], ["language", "connector"], ["vision"]):
        recipe, model, _ = opened(family, parts=parts, rank=2)
        decoder = {id(weight) for weight in model.get_decoder().parameters()}
        names = {name for name, weight in model.named_parameters() if id(weight) in decoder}
        if family.name == "feab-tiny" and parts == ["vision"]:
            continue  # LeViT: its layers count as linear, but none is trained by any recipe
        adapted = lora_config(model, recipe.tuning).target_modules
        inside = {name for name in adapted if f"{name}.weight" in names}
        assert inside == set(adapted) if parts == ["language"] else inside != set(adapted)
        assert not any("lm_head" in name or "embed" in name.rsplit(".", 1)[-1] for name in adapted)
        tuned = get_peft_model(model, lora_config(model, recipe.tuning))
        assert {name for name, weight in tuned.named_parameters() if weight.requires_grad}
        assert all("lora_" in name for name, weight in tuned.named_parameters() if weight.requires_grad)


@pytest.mark.parametrize("family", ["llava", "qwen"], indirect=True)
def test_full_tuning_lets_whole_parts_learn(family):
    _, model, _ = opened(family, kind="full", parts=["connector"])
    learning = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert learning
    assert all("projector" in name or "merger" in name for name in learning)
    _, model, _ = opened(family, kind="full", parts=["language", "connector", "vision"])
    assert all(weight.requires_grad for weight in model.parameters())


@pytest.mark.parametrize("family", FAMILIES, indirect=True)
def test_where_only_answers_are_scored_loss_and_gradients_are_the_same(family, records, tmp_path):
    import torch

    utils = pytest.importorskip("trl.trainer.utils")

    from feab.training.sft.answers_only import score_answers_only
    from feab.training.sft.collate import Collator
    from feab.training.sft.speech import Speech, end_marks

    _, model, processor = opened(family)
    model.train()
    talks = Talks(records, tmp_path)
    batch = Collator(talks, processor, Speech(processor, end_marks(model, processor.tokenizer)))(
        [{"row": number} for number in range(4)]
    )
    utils.add_fused_lm_head(model, outputs=("log_probs", "entropy", "is_top1"))
    scored = []

    def learn():
        model.zero_grad()
        torch.manual_seed(0)  # of dropout
        found = model(**batch, use_cache=False, fused_lm_head=True)
        found.loss.backward()
        scored.append(found.label_mask.numel())
        gradients = [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]
        return found.loss.item(), int(found.label_mask.sum()), int(found.is_top1.sum()), gradients

    loss, learnt, right, gradients = learn()
    takes = inspect.signature(model.forward)
    score_answers_only(model)
    assert inspect.signature(model.forward) == takes  # by which `generate` knows its arguments
    again = learn()
    assert again[0] == pytest.approx(loss, rel=1e-5)
    assert again[1:3] == (learnt, right)
    assert all(torch.allclose(one, other, rtol=1e-3, atol=1e-6) for one, other in zip(gradients, again[3], strict=True))
    assert scored[1] == learnt < scored[0]
    nothing = torch.full_like(batch["labels"], -100)
    assert model(**{**batch, "labels": nothing}, use_cache=False, fused_lm_head=True).loss.item() == 0
    assert model(**{name: one for name, one in batch.items() if name != "labels"}).logits.shape[1] > 1


def test_faces_are_kept_out_by_person_and_judged_by_what_people_said(tmp_path):
    from feab.data.feid import open_feid
    from feab.training.sft.heldout import held_out

    faces = some_faces(40)
    records = [record(face, task) for face in faces for task in ("choice", "conversation")]
    machine = replace(records[0].labels, origins={**records[0].labels.origins, "expression": "generated"})
    records = [replace(one, labels=machine) if one.sample == faces[0].id else one for one in records]
    feid = open_feid(write_feid(tmp_path / "feid", records))
    held = held_out(Validation(held_out=0.3, samples=9), feid, seed=1)
    subjects = {records[row].subject for row in held.rows}
    learnt_from = {one.subject for row, one in enumerate(records) if row not in set(held.rows)}
    assert not subjects & learnt_from
    assert 0.3 <= len({records[row].sample for row in held.rows}) / 40 < 0.5
    assert len(held.samples) == 9
    assert {sample.subject for sample in held.samples} <= subjects
    assert [task.kind for task in held.tasks] == ["expression", "valence_arousal", "action_units"]
    everything = held_out(Validation(held_out=0.5, samples=400), feid, seed=1)
    seen = {sample.id: sample for sample in everything.samples}
    if f"synth/{faces[0].id}" in seen:
        assert seen[f"synth/{faces[0].id}"].expression is None
    assert held_out(Validation(held_out=0.3, samples=9), feid, seed=1).rows == held.rows


def test_of_faces_kept_out_those_are_asked_about_that_people_labelled(tmp_path):
    from feab.data.feid import open_feid
    from feab.training.sft.heldout import held_out

    faces = some_faces(40)
    generated = dict.fromkeys(("expression", "valence_arousal", "action_units"), "generated")
    records = [record(face) for face in faces]
    by_machine = [replace(one, labels=replace(one.labels, origins=generated)) for one in records]
    feid = open_feid(write_feid(tmp_path / "feid", [*by_machine[:30], *records[30:]]))
    held = held_out(Validation(held_out=0.5, samples=3), feid, seed=0)
    assert len(held.samples) == 3
    assert all(sample.expression is not None for sample in held.samples)
    alone = open_feid(write_feid(tmp_path / "alone", by_machine))
    with pytest.raises(FeabError, match="people labelled none of the faces that were kept out"):
        held_out(Validation(held_out=0.5, samples=3), alone, seed=0)


def test_a_split_that_the_data_were_made_from_examines_nothing(tmp_path):
    from feab.data import load_dataset
    from feab.data.feid import open_feid
    from feab.training.sft.heldout import held_out

    fingerprint = load_dataset("synth_mini", "test").fingerprint
    feid = open_feid(write_feid(tmp_path / "feid", [record(face) for face in some_faces(3)], fingerprint))
    validation = Validation.model_construct(**{**dict(Validation()), "dataset": "synth_mini", "split": "test"})
    with pytest.raises(FeabError, match="learnt and examined on"):
        held_out(validation, feid, seed=0)


def test_the_feid_of_the_tests_is_one(tmp_path):
    from feab.data.feid import validate_feid

    assert validate_feid(feid_of(tmp_path / "feid", 6)).splits["train"].n == 6


def test_a_language_model_gets_the_eyes_of_another(tmp_path):
    """The assembly of smollm2-vlm, on a small Llama with random weights."""
    import torch
    from tiny_families import text_config
    from tiny_vlm import build_tokenizer
    from transformers import LlamaConfig, LlamaForCausalLM

    from feab import load_model
    from feab.content import shipped
    from feab.tasks import load_tasks
    from feab.training.asking import predictions_of
    from feab.training.sft.assemble import joined
    from feab.training.sft.base import lora_config
    from feab.training.sft.collate import Collator
    from feab.training.sft.speech import Speech, end_marks

    tokenizer = build_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.eos_token = "<|im_end|>"
    torch.manual_seed(0)
    spoken = LlamaForCausalLM(LlamaConfig(**text_config(tokenizer, tie_word_embeddings=True)))
    before = spoken.model.layers[0].mlp.up_proj.weight.clone()
    model, processor = joined(spoken, tokenizer, shipped("models") / "feab-tiny")
    assert torch.equal(model.model.language_model.layers[0].mlp.up_proj.weight, before)
    assert model.lm_head.weight is model.get_input_embeddings().weight
    model.save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")

    one = record(some_faces(1)[0])
    collator = Collator(Talks([one], tmp_path), processor, Speech(processor, end_marks(model, tokenizer)))
    batch = collator([{"row": 0}])
    assert learnt(collator, tokenizer, batch, 0) == [one.answers[0] + "<|im_end|>"]
    assert (batch["input_ids"] == model.config.image_token_id).sum() == 1
    recipe, again, _ = opened(tmp_path / "model", parts=["language"], whole=["connector"], rank=2)
    config = lora_config(again, recipe.tuning)
    assert config.modules_to_save
    assert all("multi_modal_projector" in name for name in config.modules_to_save)
    asked = load_model(f"hf/{tmp_path / 'model'}")
    assert predictions_of(asked, load_tasks(["synth"])[0].questions(some_faces(1)))
    asked.close()


def test_what_is_trained_as_a_whole_learns_in_float32_and_answers_beside_bfloat16(records):
    import torch
    from peft import get_peft_model

    from feab.content import shipped
    from feab.tasks import load_tasks
    from feab.training.sft.base import find_base, load_base, lora_config
    from feab.training.sft.examine import answers_to
    from feab.training.sft.heldout import HeldOut

    folder = shipped("models") / "feab-tiny"
    recipe = SftRecipe(method="sft", name="x", base="x", tuning={"parts": ["language"], "whole": ["connector"]})
    model, processor = load_base(find_base(str(folder)), recipe, half=True, device="cpu")
    tuned = get_peft_model(model, lora_config(model, recipe.tuning))
    kinds = {learns: set() for learns in (True, False)}
    for name, weight in tuned.named_parameters():
        if "original_module" not in name:
            kinds[weight.requires_grad].add(weight.dtype)
    assert kinds == {True: {torch.float32}, False: {torch.bfloat16}}
    held = HeldOut(some_faces(2), None, tuple(load_tasks(["synth"])), "two faces")
    answers = answers_to(tuned.get_base_model(), processor, held, half=True)
    assert len(answers) == 2 * 3
    assert all(answer.outcome == "ok" for answer in answers)


def test_the_time_of_a_training_is_that_of_all_who_worked_on_it(tmp_path):
    import json

    from feab.training.sft.job import seconds_of

    lines = []
    for seconds in ((1.0, 9.5), (11.0, 12.0, 30.0)):  # the second began slower than the first one ended
        for number, total in enumerate(seconds):
            lines.append(json.dumps({"stage": "training" if number else "data", "total_seconds": total}))
        lines.append('{"stage": "training", "total_se')
    (tmp_path / "training.jsonl").write_text("\n".join(lines) + "\n")
    assert seconds_of(tmp_path) == 39.5
