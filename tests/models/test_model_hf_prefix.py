"""Faces read once for all questions: the same answers as when each question is read from its beginning, or not done."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import replace

import pytest
from tiny_families import build_llava, build_paligemma, build_qwen
from tiny_vlm import KINDS, TEMPLATE, WORDS, ask, build_idefics3, by_key, jpeg

from feab.models import hf_prefix, load_model
from feab.records import Sampling, Text
from feab.runs import plan
from feab.runs.parts import questions_of

SHARED = {
    "idefics3": lambda folder: build_idefics3(folder, image=64, patch=8, scale=1),
    "llava": build_llava,
    "qwen2-vl": lambda folder: build_qwen(folder, "2"),
    "qwen2.5-vl": build_qwen,
}
ENDINGS = ["", " Answer with JSON only.", " s"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A checkpoint of each family, built when first asked for."""
    folders = {}

    def build(name, make=None):
        if name not in folders:
            folders[name] = (make or SHARED[name])(tmp_path_factory.mktemp(name))
        return folders[name]

    return build


def questions(faces, *, size=lambda face: (64, 64), **more):
    """Three tasks with three prompts each about every face, one after another; the lengths of some differ by face."""
    return [
        ask(face, data=jpeg(face, size(face)), task=task, text=text + ending * (1 + face % 3), prompt=f"p{i}", **more)
        for face in faces
        for task, text in zip(KINDS, WORDS, strict=True)
        for i, ending in enumerate(ENDINGS)
    ]


def answers(model, asked):
    found = by_key(model.generate(asked))
    assert not [one.error for one in found.values() if one.error]
    return {key: (one.texts, one.finish_reasons, one.usage) for key, one in found.items()}


@contextmanager
def tokens_read(model):
    """Counts the tokens that go through the language model."""
    counted = [0]
    hook = model._generator._model.get_input_embeddings().register_forward_hook(
        lambda module, given, made: counted.append(given[0].numel())
    )
    yield lambda: sum(counted)
    hook.remove()


@pytest.mark.parametrize("drawn", [{}, {"n": 3, "temperature": 1.0, "seed": 5}], ids=["greedy", "drawn"])
@pytest.mark.parametrize("family", SHARED)
def test_each_face_is_read_once_and_answers_stay(built, family, drawn):
    # The Qwen family makes as many tokens of an image as it is large: batches hold prefixes of unequal length.
    sizes = [(64, 64), (96, 64), (64, 128)] if "qwen" in family else [(64, 64)]
    asked = questions(range(14), size=lambda face: sizes[face % len(sizes)], **drawn)
    plain = load_model(f"hf/{built(family)}", batch_size=8, share="off")
    shared = load_model(f"hf/{built(family)}", batch_size=8)
    with tokens_read(plain) as before:
        expected = answers(plain, asked)
        plainly = before()
    with tokens_read(shared) as now:
        assert answers(shared, asked) == expected
        once = now()
    assert shared.info.details["share"] == "yes"
    assert plain.info.details["share"] == "off"
    # Half of a prompt here, about, is image; the first batch is read both ways. Draws of a question share all of it.
    assert once < (0.5 if drawn else 0.75) * plainly
    assert len({texts for texts, _, _ in expected.values()}) > len(asked) // 2, "one answer for all proves nothing"


def test_a_face_asked_about_later_or_again_is_not_mixed_up(built):
    model = load_model(f"hf/{built('idefics3')}", batch_size=4)
    asked = questions(range(10))
    expected = answers(load_model(f"hf/{built('idefics3')}", batch_size=4, share="off"), asked)
    backwards = answers(model, asked[::-1])
    assert {key: texts for key, (texts, _, _) in backwards.items()} == {k: t for k, (t, _, _) in expected.items()}
    some = asked[7:50:5]
    assert answers(model, some) == {key: expected[key] for key in answers(model, some)}


def test_draws_come_out_again_when_a_run_is_resumed(built):
    model = load_model(f"hf/{built('idefics3')}", batch_size=8)
    whole = answers(model, questions(range(6), n=4, temperature=1.0, seed=3))
    rest = answers(model, questions(range(6), n=2, first_draw=2, temperature=1.0, seed=3))
    for (*key, _), (texts, _, _) in rest.items():
        assert texts == whole[(*key, 0)][0][2:]


class TestFeabTiny:
    """A trained model, its own prompts and faces."""

    def asked(self):
        parts = plan("synth", prompts="direct,json,definitions,shuffled", limit=8)
        return list(questions_of(parts, Sampling()))

    def test_an_image_of_one_token_is_not_shared(self):
        model, plain = load_model("feab-tiny", batch_size=16), load_model("feab-tiny", batch_size=16, share="off")
        assert answers(model, self.asked()) == answers(plain, self.asked())
        assert model.info.details["share"] == "no: an image is fewer than 16 tokens"

    def test_made_to_share_it_answers_alike(self, monkeypatch, tmp_path):
        monkeypatch.setattr(hf_prefix, "FEW_TOKENS", 1)
        template = tmp_path / "image_first.jinja"  # its own puts the image last
        template.write_text(TEMPLATE.replace("<s>", ""))
        model = load_model("feab-tiny", batch_size=16, chat_template=str(template))
        plain = load_model("feab-tiny", batch_size=16, chat_template=str(template), share="off")
        assert answers(model, self.asked()) == answers(plain, self.asked())
        assert model.info.details["share"] == "yes"


class TestPlainPath:
    def check(self, folder, why, **args):
        asked = questions(range(9))
        expected = answers(load_model(f"hf/{folder}", batch_size=4, share="off", **args), asked)
        model = load_model(f"hf/{folder}", batch_size=4, **args)
        assert answers(model, asked) == expected
        assert model.info.details["share"].startswith(why)
        return model

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of transformers' own processor
    def test_where_all_of_a_prompt_sees_all_of_it(self, built):
        self.check(built("paligemma", build_paligemma), "no: its prompts come with labels, token_type_ids")

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    def test_that_is_also_noticed_by_the_answers_alone(self, built, monkeypatch):
        monkeypatch.setattr(hf_prefix, "_TEXT", hf_prefix._TEXT | {"labels", "token_type_ids"})
        self.check(built("paligemma", build_paligemma), "no: other logits")

    def test_where_the_cache_is_a_sliding_window(self, built):
        from transformers import AutoConfig, MistralConfig

        def build(folder):
            build_idefics3(folder, image=64, patch=8, scale=1)
            config = AutoConfig.from_pretrained(folder)
            text = config.text_config
            config.text_config = MistralConfig(**{**text.to_dict(), "model_type": "mistral", "sliding_window": 24})
            config.save_pretrained(folder)
            return folder

        self.check(built("sliding", build), "no: its cache is more than")

    def test_where_the_image_comes_after_the_question(self, built, tmp_path):
        template = TEMPLATE.replace("m.content %}", "m.content | reverse %}")
        assert template != TEMPLATE
        (tmp_path / "t.jinja").write_text(template)
        self.check(built("idefics3"), "no: few faces", chat_template=str(tmp_path / "t.jinja"))

    def test_where_each_face_is_asked_about_once(self, built):
        model = load_model(f"hf/{built('idefics3')}", batch_size=4)
        asked = [ask(face) for face in range(12)]
        with tokens_read(model) as now:
            answers(model, asked)
            once = now()
        assert model.info.details["share"] == "no: few faces were asked about more than once"
        plain = load_model(f"hf/{built('idefics3')}", batch_size=4, share="off")
        with tokens_read(plain) as before:
            answers(plain, asked)
            assert once == before()

    @pytest.mark.parametrize("trouble", ["wrong", "raises"])
    def test_where_a_shared_cache_gives_other_answers(self, built, trouble, monkeypatch):
        def joined(keeper, rows, kept, lengths, plain=hf_prefix.PrefixKeeper._joined):
            if trouble == "raises":
                raise TypeError("no such cache")
            cache = plain(keeper, rows, kept, lengths)
            for layer in cache.layers:
                layer.keys = layer.keys.flip(2)  # as if the tokens came in another order
            return cache

        monkeypatch.setattr(hf_prefix.PrefixKeeper, "_joined", joined)
        says = {"wrong": "no: other logits", "raises": "no: TypeError: no such cache"}
        self.check(built("idefics3"), says[trouble])

    def test_what_a_model_raises_later_is_not_swallowed(self, built, monkeypatch):
        model = load_model(f"hf/{built('idefics3')}", batch_size=4)
        answers(model, questions(range(4)))
        monkeypatch.setattr(
            hf_prefix.PrefixKeeper, "_joined", lambda *arguments: (_ for _ in ()).throw(TypeError("broken"))
        )
        found = by_key(model.generate(questions(range(4))))
        assert {one.error.kind for one in found.values() if one.error} == {"model"}


class TestMemory:
    def test_running_out_halves_batches_and_loses_nothing(self, built):
        import torch

        asked = questions(range(14))
        expected = answers(load_model(f"hf/{built('idefics3')}", batch_size=3, share="off"), asked)
        model = load_model(f"hf/{built('idefics3')}", batch_size=12)
        network = model._generator._model
        plain, sizes = network.generate, []

        def cramped(**inputs):
            sizes.append(len(inputs["input_ids"]))
            if sizes[-1] > 3:
                raise torch.OutOfMemoryError("out of memory")
            return plain(**inputs)

        network.generate = cramped
        assert answers(model, asked) == expected
        assert model.info.details["share"] == "yes"
        assert max(sizes) > 3
        assert model._generator.size.value <= 3

    def test_what_is_kept_is_bounded_and_batches_fit_in_it(self, built):
        asked = questions(range(24))
        expected = answers(load_model(f"hf/{built('idefics3')}", batch_size=16, share="off"), asked)
        model = load_model(f"hf/{built('idefics3')}", batch_size=16)
        keeper = model._generator._prefixes
        answers(model, questions(range(4)))
        one = keeper._largest
        assert 0 < one < 100_000
        keeper._limit = 28 * one
        keeper.ran_out()  # which halves it
        assert model._generator.rows_at_once == 7
        found = by_key(model.generate(asked))
        assert {key: completion.texts for key, completion in found.items()} == {
            k: t for k, (t, _, _) in expected.items()
        }
        assert keeper._kept._used <= 14 * one
        assert keeper.standing == "yes"

    def test_a_face_too_large_to_keep_is_read_again_each_time(self, built, monkeypatch):
        monkeypatch.setattr(hf_prefix, "KEPT_BYTES", 50_000)
        asked = questions(range(6))
        expected = answers(load_model(f"hf/{built('idefics3')}", batch_size=4, share="off"), asked)
        model = load_model(f"hf/{built('idefics3')}", batch_size=4)
        assert answers(model, asked) == expected
        assert model.info.details["share"] == "no: a face's cache is too large to keep several"
        assert model._generator.rows_at_once == 4

    def test_memory_is_flat(self, built):
        """Four times the faces leave the same live tensors behind, caches being full."""
        import gc

        import torch

        model = load_model(f"hf/{built('idefics3')}", batch_size=4)
        model._maker._images._limit = 500_000
        answers(model, questions(range(2)))
        model._generator._prefixes._limit = 24 * model._generator._prefixes._largest
        model._generator._prefixes.ran_out()  # which halves it

        def live(faces):
            most = 0
            n = 9 * faces
            asked = (one for face in range(faces) for one in questions([face], max_tokens=1))
            for i, _ in enumerate(model.generate(asked)):
                if n - i in {60, 70, 80}:  # the source still has more to give
                    gc.collect()
                    most = max(most, sum(thing.nbytes for thing in gc.get_objects() if type(thing) is torch.Tensor))
            return most

        live(15)
        small = live(20)
        assert live(80) <= 1.1 * small


@pytest.mark.parametrize("workers", [1, 4])
def test_each_image_is_preprocessed_once(built, workers):
    """For all prompts, those that are worded anew for each face among them, and whichever thread gets them."""
    model = load_model(f"hf/{built('idefics3')}", batch_size=4, workers=workers)
    kind = type(model._maker._processor.image_processor)
    plain, seen = kind.preprocess, []

    def counted(self, images, *args, **more):
        seen.append(len(images))
        return plain(self, images, *args, **more)

    kind.preprocess = counted
    try:
        answers(model, [replace_text(one, f" This is face {one.sample}.") for one in questions(range(12))])
    finally:
        kind.preprocess = plain
    assert seen.count(1) == 12, "others are of several faces: what the processor makes of them together is looked at"


def replace_text(question, more):
    (message,) = question.messages
    picture, words = message.parts
    return replace(question, messages=(replace(message, parts=(picture, Text(words.text + more))),))


def test_the_answers_are_those_of_plain_transformers_by_hand(built, tmp_path):
    """Not only the same on both of our paths."""
    import io

    import torch
    from PIL import Image as Pillow
    from transformers import AutoModelForImageTextToText, AutoProcessor

    folder = shutil.copytree(built("llava"), tmp_path / "copy")
    asked = questions(range(3))
    found = answers(load_model(f"hf/{folder}", batch_size=8), asked)
    processor = AutoProcessor.from_pretrained(folder)
    network = AutoModelForImageTextToText.from_pretrained(folder).eval()
    for question in asked:
        picture, words = question.messages[0].parts
        content = [{"type": "image"}, {"type": "text", "text": words.text}]
        text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        image = Pillow.open(io.BytesIO(picture.media.read()))
        inputs = processor(text=[text], images=[[image]], return_tensors="pt")
        with torch.inference_mode():
            tokens = network.generate(**inputs, max_new_tokens=6, do_sample=False)
        written = processor.batch_decode(tokens[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        assert found[(*question.key, 0)][0] == tuple(written)
