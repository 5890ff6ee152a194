"""The face module on real models: nothing changes at first, only it learns, and it is read in every way of asking."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tiny_families import build_llava, build_qwen
from tiny_vlm import KINDS, WORDS, ask, build_idefics3, by_key, jpeg

from feab.content import shipped
from feab.errors import FeabError
from feab.models.faceinfo.attach import NAME, attach, faces_of, reading_layers
from feab.models.faceinfo.config import CONFIG_NAME, FaceInfo, read_config, write_config
from feab.models.faceinfo.networks import open_network
from feab.models.faceinfo.priors import QUESTION, ROWS, Faces
from feab.models.hf import around
from feab.models.hf_inputs import InputMaker
from feab.models.hf_load import load_processor, load_weights, locate
from feab.training.sft.base import keep_statistics

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

SMALL = {"network": "rendered", "width": 32, "heads": 2, "queries": 3, "depth": 1, "crop": 8, "question_tokens": 12}
MINING = FaceInfo(**SMALL)
TOKEN = FaceInfo(kind="prior-token", **SMALL)
FAMILIES = {"llava": build_llava, "qwen2.5": build_qwen, "idefics3": build_idefics3}


@pytest.fixture(scope="module", params=[*FAMILIES, "feab-tiny"])
def folder(request, tmp_path_factory):
    if request.param == "feab-tiny":
        return shipped("models") / "feab-tiny"
    return FAMILIES[request.param](tmp_path_factory.mktemp(request.param))


def loaded(folder):
    source = locate(str(folder), None, False)
    return load_weights(source, dtype=torch.float32, device="cpu"), load_processor(source)


def with_faces(model, info=MINING, **other):
    attach(model, info, Faces(open_network(info), info), **other)
    return getattr(model, NAME)


def opened(module, seed=0):
    """The gates as if something had been learnt."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for gate in module.gates:
            gate.gate.copy_(torch.randn_like(gate.gate))


def questions(count=4):
    return [ask(i, task=task, text=text) for i in range(count) for task, text in zip(KINDS, WORDS, strict=True)]


def inputs(model, processor, asked):
    maker = InputMaker(processor, faces=faces_of(model))
    return dict(maker.stack([maker.prepare(asked)]))


@pytest.mark.parametrize("info", [MINING, TOKEN], ids=["mining", "prior token"])
def test_with_all_gates_shut_nothing_changes_at_all(folder, info):
    model, processor = loaded(folder)
    plain = inputs(model, processor, questions()[0])
    with torch.inference_mode():
        before = model(**plain).logits
    with_faces(model, info)
    given = inputs(model, processor, questions()[0])
    assert given.keys() - plain.keys() == {ROWS, QUESTION}
    assert (given[ROWS] != 0).any()
    with torch.inference_mode():
        assert torch.equal(model(**given).logits, before)
        assert torch.equal(model(**plain).logits, before)
        opened(getattr(model, NAME))
        assert not torch.allclose(model(**given).logits, before, atol=1e-3)
        assert torch.equal(model(**plain).logits, before), "what is read is of this prompt, never of the one before"


def test_a_picture_without_a_face_adds_nothing(folder):
    model, processor = loaded(folder)
    opened(with_faces(model))
    given = inputs(model, processor, questions()[0])
    nobody = {**given, ROWS: torch.zeros_like(given[ROWS])}
    with torch.inference_mode():
        assert torch.equal(model(**nobody).logits, model(**{k: v for k, v in given.items() if "face_" not in k}).logits)


@pytest.mark.parametrize("info", [MINING, TOKEN], ids=["mining", "prior token"])
def test_gradients_reach_the_module_and_nothing_else(folder, info):
    model, processor = loaded(folder)
    model.requires_grad_(False)
    module = with_faces(model, info)
    given = inputs(model, processor, questions()[0])
    labels = given["input_ids"].clone()

    model(**given, labels=labels).loss.backward()
    assert all(gate.gate.grad.any() for gate in module.gates), "shut gates learn to open"
    assert all(weight.grad is None for name, weight in model.named_parameters() if not name.startswith(NAME))

    model.zero_grad()
    opened(module)
    model(**given, labels=labels).loss.backward()
    without = [name for name, weight in module.named_parameters() if weight.grad is None or not weight.grad.any()]
    # A softmax is not moved by what is added to all its keys, and one over a single token by nothing.
    lone = ("ask", "level", "keys") if info.kind == "prior-token" else ("keys.bias",)
    assert all(any(word in name for word in lone) or "in_proj_bias" in name for name in without), without
    assert all(weight.grad is None for name, weight in model.named_parameters() if not name.startswith(NAME))


def test_generation_goes_on_with_the_tokens_of_its_prompt(folder):
    """Token by token with a cache, in batches with padding: as the whole sequence read at once says."""
    model, processor = loaded(folder)
    opened(with_faces(model))
    asked = questions()
    alone = by_key(around(model, processor, "hf/x").generate(asked))
    special, compared = {*processor.tokenizer.all_special_ids}, 0
    for question in asked:
        given = inputs(model, processor, question)
        said: list[int] = []
        with torch.inference_mode():
            for _ in range(question.sampling.max_tokens):
                token = int(model(**given).logits[0, -1].argmax())
                if token in (processor.tokenizer.eos_token_id, model.generation_config.eos_token_id):
                    break
                said.append(token)
                if token in special:
                    break
                more = {"input_ids": torch.tensor([[token]]), "attention_mask": torch.ones(1, 1, dtype=torch.long)}
                for name in given:
                    if name not in more and given[name].shape == given["input_ids"].shape:
                        more[name] = torch.zeros(1, 1, dtype=given[name].dtype)
                given |= {name: torch.cat([given[name], part], 1) for name, part in more.items() if name in given}
        if special & {*said}:
            continue  # random weights may write the mark of a picture, and read at once that would want one
        compared += 1
        text = processor.tokenizer.decode(said, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        assert alone[(*question.key, 0)].texts == (text,)
    assert compared >= 3
    assert all(one.error is None for one in alone.values())


def test_answers_differ_by_face_and_by_question(folder):
    model, processor = loaded(folder)
    module = with_faces(model)
    one, other = (inputs(model, processor, question) for question in questions()[:2])

    def tokens(given):
        words = given[QUESTION][:, 0]
        said = model.get_input_embeddings()(words.clamp(min=0)) * (words >= 0)[..., None]
        return module.clues(given[ROWS], said, words >= 0)[0]

    with torch.inference_mode():
        mine = tokens(one)
        assert not torch.allclose(mine, tokens(other), atol=1e-4), "another question about the same face"
        face = inputs(model, processor, questions()[3])[ROWS]
        assert not torch.allclose(mine, tokens({**one, ROWS: face}), atol=1e-4), "the same question, another face"
        unasked = {**one, QUESTION: torch.full_like(one[QUESTION], -1)}
        assert torch.isfinite(tokens(unasked)).all()


def test_options_are_weighed_with_the_tokens_too(tiny):
    from feab.records import Media
    from feab.tasks import load_tasks
    from feab.tasks.choices import as_scored

    model, processor = loaded(tiny)
    opened(with_faces(model))
    asker = around(model, processor, "hf/x")
    for task in load_tasks(["synth_expression", "synth_action_units"]):
        plain = task.question("0", Media(data=jpeg(0)))
        for scoring in ("choices", "yes-no") if task.kind == "action_units" else ("choices",):
            (answer,) = asker.generate([as_scored(task, plain, scoring)])
            assert answer.error is None
            closed = as_scored(task, plain, scoring).closed
            if not closed:
                continue
            one = closed[-1]
            expected = {}
            for option in one.options:
                text = option.spellings[0]
                asked = [ask(0, data=jpeg(0), text=one.messages[0].parts[-1].text)][0]
                given = inputs(model, processor, asked)
                ids = processor.tokenizer(text, add_special_tokens=False)["input_ids"]
                given["input_ids"] = torch.cat([given["input_ids"], torch.tensor([ids])], 1)
                given["attention_mask"] = torch.ones_like(given["input_ids"])
                with torch.inference_mode():
                    scores = model(**given).logits[0, -len(ids) - 1 : -1].log_softmax(-1)
                expected[option.name] = float(sum(scores[i, token] for i, token in enumerate(ids)))
            assert answer.likelihoods is not None
            for name, value in expected.items():
                known = answer.likelihoods.get(name) or answer.likelihoods[f"{one.about} {name}"]
                assert known.logprob >= value - 1e-3, "the likeliest of several spellings counts with the others"


def test_what_is_saved_answers_as_it_did(folder, tmp_path):
    from peft import LoraConfig, get_peft_model

    from feab import load_model

    model, processor = loaded(folder)
    with_faces(model)
    linear = [
        name for name, one in model.named_modules() if name.endswith("q_proj") and isinstance(one, torch.nn.Linear)
    ]
    learner = get_peft_model(model, LoraConfig(r=2, target_modules=linear, modules_to_save=[NAME]))
    opened(getattr(model, NAME))
    getattr(model, NAME).fit(torch.rand(5, 151))
    with torch.no_grad():
        for name, weight in learner.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.1)
    expected = {key: one.texts for key, one in by_key(around(model, processor, "hf/x").generate(questions())).items()}
    learner.save_pretrained(tmp_path)
    write_config(tmp_path, MINING, faces_of(model).digest)
    assert not list(tmp_path.glob("*.bin")), "safetensors only"
    again = load_model(f"hf/{folder}", adapter=str(tmp_path))
    assert {key: one.texts for key, one in by_key(again.generate(questions())).items()} == expected
    plain = load_model(f"hf/{folder}")
    assert again.info.parameters > plain.info.parameters
    faces, closed = again._maker._faces, []
    faces._network.close = lambda: closed.append(1)
    assert {key: one.texts for key, one in by_key(plain.generate(questions())).items()} != expected

    again.close()
    assert closed, "the face network is let go of with the model"
    stored = json.loads((tmp_path / CONFIG_NAME).read_text())
    (tmp_path / CONFIG_NAME).write_text(json.dumps({**stored, "network_digest": "0" * 64}))
    with pytest.raises(FeabError, match="other weights of rendered"):
        load_model(f"hf/{folder}", adapter=str(tmp_path))


def test_a_broken_configuration_is_refused(tmp_path):
    assert read_config(tmp_path) is None
    write_config(tmp_path, FaceInfo(network="facexformer", weights="/home/me/x.onnx"), "0" * 64)
    text = (tmp_path / CONFIG_NAME).read_text()
    assert "/home/me" not in text, "no path of this machine"
    assert read_config(tmp_path).info.weights == "given"
    other = [("facexformer", "os.system"), ('"queries": 4', '"queries": NaN'), ('"width"', '"code": 1, "width"')]
    other += [('"schema_version": 1', '"schema_version": 2')]
    for broken in ("{", "[]", *(text.replace(*pair) for pair in other)):
        assert broken != text
        (tmp_path / CONFIG_NAME).write_text(broken)
        with pytest.raises(FeabError, match="face_info_config"):
            read_config(tmp_path)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"width": 20}, "multiple"), ({"heads": 3}, "heads 3"), ({"network": "facexformer"}, "needs `weights`"),
     ({"weights": "x"}, "leave it out"), ({"network": "mine"}, "mediapipe")],
)  # fmt: skip
def test_wrong_settings_are_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        FaceInfo(**{"width": 32, **wrong})


def test_weights_of_the_users_own_are_asked_for():
    with pytest.raises(FeabError, match="no file /nowhere"):
        open_network(FaceInfo(network="insightface-2d106", weights="/nowhere"))


def test_which_layers_read():
    assert reading_layers(3, 1) == [0, 1, 2]
    assert reading_layers(32, 4) == [3, 7, 11, 15, 19, 23, 27, 31]
    assert reading_layers(2, 9) == [1]


def test_layers_that_are_computed_twice_and_hooks_of_accelerate(folder):
    """Gradient checkpointing changes no gradient; a `forward` that accelerate wrapped takes the inputs too."""
    from accelerate.hooks import ModelHook, add_hook_to_module

    found = []
    for again in (False, True):
        model, processor = loaded(folder)
        model.requires_grad_(False)
        if again:
            add_hook_to_module(model, ModelHook())
        module = with_faces(model)
        opened(module)
        model.train()
        keep_statistics(model)
        if again:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        given = inputs(model, processor, questions()[0])
        model(**given, labels=given["input_ids"].clone()).loss.backward()
        found.append({name: weight.grad for name, weight in module.named_parameters() if weight.grad is not None})
        model.eval()
        assert by_key(around(model, processor, "hf/x").generate(questions(1)))
    assert found[0].keys() == found[1].keys()
    assert all(torch.allclose(found[0][name], found[1][name], atol=1e-5) for name in found[0])


def test_a_second_module_and_a_model_without_layers_are_refused(tiny):
    model, _ = loaded(tiny)
    with_faces(model)
    with pytest.raises(FeabError, match="already"):
        with_faces(model)
    with pytest.raises(FeabError, match="no decoder"):
        with_faces(torch.nn.Linear(2, 2))


def test_frames_of_a_clip_are_told_apart_and_missing_ones_are_not_seen(tiny):
    model, processor = loaded(tiny)
    module = with_faces(model)
    faces = faces_of(model)
    pictures = [jpeg(i) for i in range(3)]
    two = faces.fields(pictures[:2], "what", processor.tokenizer)
    padded = faces.fields(pictures[:2], "what", processor.tokenizer, frames=5)
    turned = faces.fields(pictures[1::-1], "what", processor.tokenizer)
    assert padded[ROWS].shape[1] == 5
    said, known = torch.zeros(1, 1, 32), torch.zeros(1, 1, dtype=torch.bool)

    def tokens(fields):
        return module.clues(fields[ROWS], said, known)[0]

    with torch.inference_mode():
        assert torch.allclose(tokens(two), tokens(padded), atol=1e-5)
        assert not torch.allclose(tokens(two), tokens(turned), atol=1e-4)


def test_a_face_is_read_once(tiny):
    model, processor = loaded(tiny)
    with_faces(model)
    faces, calls = faces_of(model), []
    network = faces._network

    class Counted:
        layout = network.layout

        def __call__(self, pixels):
            calls.append(1)
            return network(pixels)

    faces._network = Counted()
    for _ in range(2):
        list(around(model, processor, "hf/x").generate(questions()))
    assert len(calls) == 4, "four pictures, three questions about each, twice"
    assert np.isfinite(faces.row(jpeg(0))).all()
