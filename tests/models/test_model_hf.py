"""The hf adapter on a real (random-weight) Idefics3 and real JPEG bytes."""

from __future__ import annotations

import functools
import subprocess
import sys
from itertools import count

import pytest
from tiny_vlm import KINDS, WORDS, ask, by_key, jpeg

from feab.errors import FeabError
from feab.models import Model, load_model
from feab.models.hf_caches import LruCache
from feab.models.hf_inputs import InputMaker, _same
from feab.models.hf_load import folder_digest, load_processor, locate, reached
from feab.records import Image, Media, Message, Question, Text


@pytest.fixture(scope="module")
def model(tiny):
    with_threads = load_model(f"hf/{tiny}", batch_size=8)
    yield with_threads
    with_threads.close()


def three_tasks(samples):
    return [ask(i, task=task, text=text) for i in samples for task, text in zip(KINDS, WORDS, strict=True)]


def reference(tiny, question):
    """What plain transformers, called by hand on this one question, writes."""
    import io

    import torch
    from PIL import Image as Pillow
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(tiny)
    network = AutoModelForImageTextToText.from_pretrained(tiny).eval()
    picture = Pillow.open(io.BytesIO(question.messages[0].parts[0].media.read()))
    content = [{"type": "image"}, {"type": "text", "text": question.messages[0].parts[1].text}]
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    inputs = processor(text=[text], images=[[picture]], return_tensors="pt")
    limit = question.sampling.max_tokens
    with torch.inference_mode():
        tokens = network.generate(**inputs, max_new_tokens=limit, do_sample=False)
    return processor.batch_decode(tokens[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)[0]


def test_answers_are_plain_transformers_answers(tiny, model):
    questions = three_tasks(range(3))
    answers = by_key(model.generate(questions))
    for question in questions:
        assert answers[(*question.key, 0)].texts == (reference(tiny, question),)


def test_info(tiny, model):
    assert isinstance(model, Model)
    info = model.info
    assert model.name == info.name == f"hf/{tiny}"
    assert info.local
    assert info.endpoint is None
    assert info.revision == folder_digest(tiny)
    assert info.args_that_change_answers == {"dtype": "float32"}
    assert info.parameters == sum(p.numel() for p in model._generator._model.parameters())


@pytest.mark.parametrize("size", [2, 5, 8])
def test_batches_do_not_change_answers(tiny, size):
    questions = three_tasks(range(14))
    alone = by_key(load_model(f"hf/{tiny}", batch_size=1).generate(questions))
    together = by_key(load_model(f"hf/{tiny}", batch_size=size).generate(questions))
    assert alone.keys() == together.keys()
    different = [key for key in alone if alone[key].texts != together[key].texts]
    # Left padding and the order of additions may move a logit in its last bits; measured here: 0 of 42 differ.
    assert len(different) <= 1
    assert len({completion.texts for completion in alone.values()}) > 30, "a model that says one thing proves nothing"
    assert all(alone[key].usage.input_tokens == together[key].usage.input_tokens for key in alone)


def test_texts_of_unequal_length_are_padded_on_the_left(tiny, model):
    # Within a quarter of an octave of each other, so they do share a batch.
    base = " ".join(WORDS)
    texts = [base, base + ".", base + " s", base + " on"]
    questions = [ask(i, text=text) for i, text in enumerate(texts)]
    maker = model._maker
    prepared = [maker.prepare(question) for question in questions]
    assert len({one.fields["input_ids"].shape[1] for one in prepared}) > 1
    assert len({one.shape for one in prepared}) == 1
    pad = maker._pad
    for stacked in (maker._stacked(prepared), maker.stack(prepared), maker.stack(prepared)):
        for i, one in enumerate(prepared):
            ids, mask = stacked["input_ids"][i].tolist(), stacked["attention_mask"][i].tolist()
            own = one.fields["input_ids"][0].tolist()
            missing = len(ids) - len(own)
            assert ids == [pad] * missing + own
            assert mask == [0] * missing + [1] * len(own)
    answers = by_key(model.generate(questions))
    for question in questions:
        assert answers[(*question.key, 0)].texts == (reference(tiny, question),)


def test_shortcuts_give_the_processors_own_tensors(tiny):
    """Whatever is put together from caches is what the processor gives when called for the question itself."""
    maker = InputMaker(load_processor(locate(str(tiny), None, False)))
    questions = three_tasks(range(4))
    first = [maker.prepare(question) for question in questions]
    assert all(
        _same(one.fields, maker.prepare(question).fields) for one, question in zip(first, questions, strict=True)
    )
    calls = []
    process = maker._process
    maker._process = lambda *args: calls.append(args) or process(*args)
    again = [maker.prepare(question) for question in questions]
    assert len(calls) == 0, "every image and prompt is known, and every shortcut was compared already"
    fresh = InputMaker(load_processor(locate(str(tiny), None, False)), cache_bytes=0)
    for one, other, question in zip(first, again, questions, strict=True):
        assert _same(one.fields, other.fields)
        assert _same(one.fields, fresh.prepare(question).fields)
    rows = [one for one in first if one.shape == first[0].shape]
    whole = maker.stack(rows)
    assert len(calls) == 1
    assert _same(maker.stack(rows), whole)
    assert len(calls) == 1, "the second batch of a shape is stacked without the processor"


def test_a_processor_that_shortcuts_would_betray_is_called_every_time(tiny):
    """A processor whose text depends on the pixels: nothing may be reused between images."""
    processor = load_processor(locate(str(tiny), None, False))

    class Peculiar(type(processor)):
        def __call__(self, images=None, text=None, **kwargs):
            bright = [int(sum(picture.getpixel((0, 0)))) % 7 for several in images for picture in several]
            return super().__call__(
                images=images, text=[f"{words}{number}" for words, number in zip(text, bright, strict=True)], **kwargs
            )

    processor.__class__ = Peculiar
    maker = InputMaker(processor)
    questions = three_tasks(range(6))
    for _ in range(2):
        for question in questions:
            fresh = InputMaker(processor, cache_bytes=0)
            assert _same(maker.prepare(question).fields, fresh.prepare(question).fields)


class TestKeptFeatures:
    """The vision tower's work is kept between questions about one face, once that is proven to change nothing."""

    def test_the_tower_sees_each_face_once_and_answers_stay(self, tiny):
        model = load_model(f"hf/{tiny}", batch_size=4)
        base = model._generator._model.base_model
        seen = []
        plain = base.get_image_features

        @functools.wraps(plain)
        def counted(pixel_values, pixel_attention_mask=None, **kwargs):
            seen.append(len(pixel_values))
            return plain(pixel_values, pixel_attention_mask, **kwargs)

        base.get_image_features = counted
        questions = three_tasks(range(24))
        without = load_model(f"hf/{tiny}", batch_size=4)
        without._generator._features._takes = frozenset()
        expected = {key: c.texts for key, c in by_key(without.generate(questions)).items()}
        assert {key: c.texts for key, c in by_key(model.generate(questions)).items()} == expected
        assert model._generator._features.proven
        assert sum(seen) <= 24 + 4 * 4, "each face once, and two batches twice to prove it"
        seen.clear()
        assert {key: c.texts for key, c in by_key(model.generate(questions)).items()} == expected
        assert seen == []

    @pytest.mark.parametrize("trouble", ["wrong", "raises", "one piece", "more than features"])
    def test_a_model_whose_features_cannot_be_kept_gets_pixels(self, tiny, trouble):
        model = load_model(f"hf/{tiny}", batch_size=4)
        questions = three_tasks(range(8))
        expected = {key: c.texts for key, c in by_key(load_model(f"hf/{tiny}").generate(questions)).items()}
        base = model._generator._model.base_model
        plain, inside = base.get_image_features, []

        @functools.wraps(plain)
        def odd(pixel_values, pixel_attention_mask=None, **kwargs):
            made = plain(pixel_values, pixel_attention_mask, **kwargs)
            if inside and trouble == "wrong":
                made.pooler_output = [features * 0 for features in made.pooler_output]
            if inside and trouble == "raises":
                raise ValueError("no")
            if inside and trouble == "one piece":
                made.pooler_output = made.pooler_output[0]
            if inside and trouble == "more than features":
                made["deepstack"] = made.last_hidden_state
            return made

        base.get_image_features = odd
        keeper = model._generator._features
        swap = keeper._swapped

        def marked(*args):
            inside.append(True)
            try:
                return swap(*args)
            finally:
                inside.clear()

        keeper._swapped = marked
        assert {key: c.texts for key, c in by_key(model.generate(questions)).items()} == expected
        assert not keeper.proven


def test_a_bad_image_is_one_questions_trouble(model):
    bad = [
        ask("broken", data=jpeg(1)[:200]),
        ask("empty", data=b""),
        ask("text", data=b"not an image at all"),
        ask("program", data=b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"),
        Question(
            "t_expression", "gone", "direct", "expression",
            (Message("user", (Image(Media(path="/nowhere/face.jpg")), Text(WORDS[0]))),),
        ),
    ]  # fmt: skip
    good = [ask(i) for i in range(5)]
    questions = [good[0], bad[0], good[1], bad[1], bad[2], good[2], bad[3], good[3], bad[4], good[4]]
    answers = by_key(model.generate(questions))
    for question in bad:
        completion = answers[(*question.key, 0)]
        assert completion.error is not None
        assert completion.error.kind == "image"
    alone = by_key(model.generate(good))
    for question in good:
        assert answers[(*question.key, 0)].texts == alone[(*question.key, 0)].texts


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_an_image_of_too_many_pixels_is_refused_before_it_is_unpacked(model):
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 12_000, 12_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    completion = next(model.generate([ask("bomb", data=bomb)]))
    assert completion.error.kind == "image"
    assert "12000×12000" in completion.error.message


def test_a_prompt_the_template_refuses_is_one_questions_trouble(tiny):
    template = "{% if 'forbidden' in messages[0].content[1].text %}{{ raise_exception('no such words') }}{% endif %}"
    path = tiny.parent / "strict.jinja"
    path.write_text(template + "<|user|><image>{{ messages[0].content[1].text }}<|assistant|>")
    strict = load_model(f"hf/{tiny}", chat_template=str(path))
    assert "chat_template" in strict.info.args_that_change_answers
    answers = by_key(strict.generate([ask(0), ask(1, text="forbidden")]))
    assert answers["t_expression", "0", "direct", 0].error is None
    assert answers["t_expression", "1", "direct", 0].error.kind == "prompt"


def test_finish_reason_and_token_counts(tiny):
    import torch

    model = load_model(f"hf/{tiny}")
    network = model._generator._model
    long = next(model.generate([ask(0, max_tokens=5)]))
    assert (long.finish_reasons, long.usage.output_tokens) == (("length",), 5)
    own = model._maker.prepare(ask(0)).fields["input_ids"]
    assert long.usage.input_tokens == own.shape[1]

    end = network.generation_config.eos_token_id
    plain = network.lm_head.forward
    steps = count()

    def ends_at_third(hidden):
        logits = plain(hidden)
        if next(steps) == 2:
            logits[..., end] = torch.finfo(logits.dtype).max
        return logits

    network.lm_head.forward = ends_at_third
    short = next(model.generate([ask(0, max_tokens=5)]))
    assert (short.finish_reasons, short.usage.output_tokens) == (("stop",), 3)
    assert long.texts[0].startswith(short.texts[0])
    capped = load_model(f"hf/{tiny}", max_new_tokens="2")
    assert next(capped.generate([ask(0, max_tokens=5)])).usage.output_tokens == 2
    assert capped.info.args_that_change_answers["max_new_tokens"] == 2


class TestDraws:
    def test_each_draw_has_a_stream_of_its_own(self, model):
        drawn = next(model.generate([ask(0, n=12, temperature=1.5, seed=3)]))
        assert len(drawn.texts) == len(drawn.finish_reasons) == 12
        assert len(set(drawn.texts)) > 1
        one_by_one = by_key(model.generate([ask(0, n=1, first_draw=i, temperature=1.5, seed=3) for i in range(12)]))
        texts = tuple(one_by_one["t_expression", "0", "direct", i].texts[0] for i in range(12))
        assert texts == drawn.texts, "a resumed run draws what the undisturbed one would have drawn"

    def test_seed_changes_them_and_neighbours_do_not(self, model):
        questions = [ask(i, n=2, temperature=1.0, seed=3) for i in range(6)]
        together = by_key(model.generate(questions))
        backwards = by_key(model.generate(reversed(questions)))
        assert {k: c.texts for k, c in together.items()} == {k: c.texts for k, c in backwards.items()}
        other = by_key(model.generate([ask(i, n=2, temperature=1.0, seed=4) for i in range(6)]))
        assert {k: c.texts for k, c in together.items()} != {k: c.texts for k, c in other.items()}

    def test_greedy_draws_are_computed_once(self, model):
        drawn = next(model.generate([ask(0, n=5)]))
        assert len(drawn.texts) == 5
        assert len(set(drawn.texts)) == 1
        assert drawn.usage.output_tokens == 6

    def test_the_draws_follow_the_softmax(self):
        import torch

        from feab.models.hf_generate import Row, _SeededDraw
        from feab.models.hf_inputs import Prepared
        from feab.records import Sampling

        scores = torch.tensor([2.0, 1.0, 0.0, -1.0, -9.0])
        for temperature, top_p in ((1.0, 1.0), (0.5, 1.0), (2.0, 1.0), (1.0, 0.8)):
            sampling = Sampling(temperature=temperature, top_p=top_p)
            rows = [Row(Prepared(ask(0)), draw) for draw in range(2000)]
            tokens = _SeededDraw(rows, sampling)(None, scores.repeat(2000, 1)).argmax(-1)
            expected = (scores / temperature).softmax(-1)
            if top_p < 1:
                expected = torch.where(torch.tensor([True, True, False, False, False]), expected, 0)
                expected = expected / expected.sum()
            seen = torch.bincount(tokens, minlength=5) / 2000
            # four standard errors of a share near one half are .045
            assert (seen - expected).abs().max() < 0.045, (temperature, top_p)


class TestMemory:
    @pytest.mark.parametrize("kind", ["cuda", "cpu", "python"])
    def test_backs_off_and_loses_nothing(self, tiny, kind):
        import torch

        errors = {
            "cuda": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
            "cpu": RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate"),
            "python": MemoryError(),
        }
        model = load_model(f"hf/{tiny}", batch_size="auto")
        network = model._generator._model
        questions = three_tasks(range(20))
        undisturbed = by_key(load_model(f"hf/{tiny}", batch_size=3).generate(questions))
        plain, sizes = network.generate, []

        def cramped(**inputs):
            sizes.append(len(inputs["input_ids"]))
            if sizes[-1] > 3:
                raise errors[kind]
            return plain(**inputs)

        network.generate = cramped
        answers = by_key(model.generate(questions))
        assert {k: c.texts for k, c in answers.items()} == {k: c.texts for k, c in undisturbed.items()}
        assert max(sizes) > 3
        assert model._generator.size.value <= 3
        after = sizes.index(next(size for size in sizes if size <= 3))
        assert all(size <= 3 for size in sizes[after:]), "a size that failed is not tried again"

    def test_one_question_that_never_fits_is_an_error_and_the_rest_go_on(self, tiny):
        import torch

        model = load_model(f"hf/{tiny}", batch_size=4)
        network = model._generator._model
        questions = [ask(i, text=WORDS[0] + (" !" if i == 2 else " ?")) for i in range(6)]
        huge = model._maker.prepare(questions[2]).fields["input_ids"][0]
        assert model._maker.prepare(questions[2]).shape == model._maker.prepare(questions[1]).shape
        plain = network.generate

        def cramped(**inputs):
            if any(torch.equal(one, huge) for one in inputs["input_ids"]):
                raise torch.OutOfMemoryError("out of memory")
            return plain(**inputs)

        network.generate = cramped
        answers = by_key(model.generate(questions))
        failed = [key[1] for key, completion in answers.items() if completion.error is not None]
        assert failed == ["2"]
        assert answers["t_expression", "2", "direct", 0].error.kind == "out_of_memory"

    def test_an_error_of_the_model_is_not_taken_for_lack_of_memory(self, tiny):
        model = load_model(f"hf/{tiny}", batch_size=4)

        def broken(**inputs):
            raise RuntimeError("shapes cannot be multiplied")

        model._generator._model.generate = broken
        completion = next(model.generate([ask(0)]))
        assert completion.error.kind == "model"
        assert "shapes cannot be multiplied" in completion.error.message


class TestLazy:
    @pytest.mark.parametrize(("faces", "batches"), [(500, 4), (7, 32)], ids=["of many faces", "of few"])
    def test_questions_are_pulled_as_they_are_answered(self, tiny, faces, batches):
        model = load_model(f"hf/{tiny}", batch_size=4)
        pulled = 0

        def endless():
            nonlocal pulled
            for i in count():
                pulled += 1
                yield ask(i % faces, data=pictures[i % faces], prompt=f"p{i}")  # every one a shape of its own

        pictures = [jpeg(i) for i in range(faces)]
        answers = model.generate(endless())
        most = 0
        for done in range(1, 60):
            next(answers)
            most = max(most, pulled - done)
        answers.close()
        assert most <= 4 * (batches + 2) + 4

    def test_nothing_is_asked_before_the_first_answer_is_wanted(self, tiny, model):
        def never():
            raise AssertionError("pulled")
            yield

        model.generate(never())

    def test_a_caller_who_stops_early_leaves_no_thread(self, model):
        import threading

        answers = model.generate(ask(i) for i in range(1000))
        next(answers)
        answers.close()
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("feab-prepare")]

    def test_what_the_source_raises_reaches_the_caller(self, model):
        def source():
            yield ask(0)
            raise FeabError("the dataset is broken")

        with pytest.raises(FeabError, match="the dataset is broken"):
            list(model.generate(source()))

    def test_memory_is_flat(self, tiny):
        """Four times the questions leave the same live objects behind, caches being full."""
        import gc

        import torch

        model = load_model(f"hf/{tiny}", batch_size=8)
        model._maker._images._limit = 500_000

        def live(n):
            most = 0
            for i, _ in enumerate(model.generate(ask(i, max_tokens=1) for i in range(n))):
                if n - i in {24, 32, 40}:  # the source still has more to give
                    gc.collect()
                    held = sum(thing.nbytes for thing in gc.get_objects() if type(thing) is torch.Tensor)
                    most = max(most, held)
            return most

        live(50)
        small = live(80)
        assert live(320) <= 1.1 * small


def test_closed_models_say_so(tiny):
    model = load_model(f"hf/{tiny}")
    model.close()
    model.close()
    with pytest.raises(FeabError, match="closed"):
        next(model.generate([ask(0)]))


def test_pixel_limits_change_what_is_sent(tiny):
    from feab.models.images import within

    maker = InputMaker(load_processor(locate(str(tiny), None, False)), max_pixels=1000)
    plain = InputMaker(load_processor(locate(str(tiny), None, False)))
    assert not _same(maker.prepare(ask(0)).fields, plain.prepare(ask(0)).fields)
    from PIL import Image as Pillow

    for size, low, high in [((64, 48), None, 1000), ((300, 20), 10_000, None), ((10, 10), 150, 300)]:
        scaled = within(Pillow.new("RGB", size), low, high)
        area = scaled.width * scaled.height
        assert low is None or area >= low
        assert high is None or area <= high
        assert scaled.width / scaled.height == pytest.approx(size[0] / size[1], rel=0.1)
    untouched = Pillow.new("RGB", (20, 20))
    assert within(untouched, 100, 1000) is untouched


def test_rotated_photographs_are_put_upright(tiny, model):
    import io

    from PIL import Image as Pillow

    upright = Pillow.open(io.BytesIO(jpeg(3, (64, 48))))
    exif = Pillow.Exif()
    exif[0x0112] = 6  # "rotate 90 degrees clockwise to display"
    out = io.BytesIO()
    upright.transpose(Pillow.Transpose.ROTATE_90).save(out, "PNG", exif=exif)
    plain = io.BytesIO()
    upright.save(plain, "PNG")
    maker = model._maker
    assert _same(
        maker.prepare(ask("turned", data=out.getvalue())).fields,
        maker.prepare(ask("plain", data=plain.getvalue())).fields,
    )


class TestLoading:
    def test_folders_and_hub_ids(self, tmp_path):
        with pytest.raises(FeabError, match="no such folder"):
            load_model("hf/./nowhere")
        with pytest.raises(FeabError, match="no such folder"):
            load_model("hf/a/b/c")
        with pytest.raises(FeabError, match=r"no config\.json"):
            load_model(f"hf/{tmp_path}")

    def test_offline_hub_id_says_what_to_do(self, monkeypatch):
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        with pytest.raises(FeabError, match=r"no folder here.*hf/PATH"):
            load_model("hf/feab-test-owner/no-such-model")

    def test_pickled_weights_are_refused(self, tiny, tmp_path):
        import shutil

        import torch

        folder = tmp_path / "pickled"
        shutil.copytree(tiny, folder)
        (folder / "model.safetensors").unlink()
        torch.save({"weight": torch.zeros(1)}, folder / "pytorch_model.bin")
        with pytest.raises(FeabError, match=r"cannot load the model.*safetensors"):
            load_model(f"hf/{folder}")

    def test_without_a_chat_template(self, tiny, tmp_path):
        import json
        import shutil

        folder = tmp_path / "bare"
        shutil.copytree(tiny, folder)
        for name in ("chat_template.jinja", "chat_template.json"):
            (folder / name).unlink(missing_ok=True)
        for name in ("tokenizer_config.json", "processor_config.json"):
            written = json.loads((folder / name).read_text())
            written.pop("chat_template", None)
            (folder / name).write_text(json.dumps(written))
        with pytest.raises(FeabError, match="chat_template=FILE"):
            load_model(f"hf/{folder}")

    def test_remote_code_is_not_run_unless_asked_for(self, tiny, tmp_path):
        import json
        import shutil

        folder = tmp_path / "remote"
        shutil.copytree(tiny, folder)
        config = json.loads((folder / "config.json").read_text())
        config["model_type"] = "unheard_of"
        config["auto_map"] = {"AutoConfig": "code.Config", "AutoModelForImageTextToText": "code.Net"}
        (folder / "config.json").write_text(json.dumps(config))
        ran = tmp_path / "ran"
        (folder / "code.py").write_text(f"open({str(ran)!r}, 'w').close()\nclass Config: ...\nclass Net: ...\n")
        with pytest.raises(FeabError, match="trust_remote_code=true"):
            load_model(f"hf/{folder}")
        assert not ran.exists()

    def test_a_hub_that_does_not_answer_is_asked_once(self, tiny, tmp_path, monkeypatch):
        import huggingface_hub

        asked = []

        def silent(url, **_):
            asked.append(url)
            raise ConnectionError("no way there")

        cached = str(tiny / "config.json")
        monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", silent)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(
            huggingface_hub, "try_to_load_from_cache", lambda name, *_, **__: cached if "known" in name else None
        )
        with pytest.raises(FeabError, match=r"hub cannot be reached \(ConnectionError: no way there\)"):
            load_model("hf/nobody/none")
        assert asked == ["https://huggingface.co/nobody/none/resolve/main/config.json"]
        source = reached(locate("nobody/known", "abc", False))
        assert source.kwargs == {"trust_remote_code": False, "revision": "abc", "local_files_only": True}
        assert reached(locate(str(tiny), None, False)).kwargs == {"trust_remote_code": False}
        assert len(asked) == 2

    def test_a_template_that_is_no_text_is_said(self, tiny, tmp_path):
        (tmp_path / "t.jinja").write_bytes(b"{{ caf\xe9 }}")
        with pytest.raises(FeabError, match=r"t\.jinja: is not UTF-8"):
            load_model(f"hf/{tiny}", chat_template=str(tmp_path / "t.jinja"))

    def test_another_weight_is_another_revision(self, tiny, tmp_path):
        import shutil

        folder = tmp_path / "copy"
        shutil.copytree(tiny, folder)
        for name in ("README.md", "card.yaml", "validation.json", "recipe.json", "training.jsonl", "curves.png"):
            (folder / name).write_text("words about it")
        assert folder_digest(folder) == folder_digest(tiny)
        (folder / "generation_config.json").write_text("{}")
        assert folder_digest(folder) != folder_digest(tiny)
        shutil.copy(tiny / "generation_config.json", folder)
        assert folder_digest(folder) == folder_digest(tiny)
        weights = bytearray((folder / "model.safetensors").read_bytes())
        weights[-1] ^= 1
        (folder / "model.safetensors").write_bytes(weights)
        assert folder_digest(folder) != folder_digest(tiny)

    def test_unknown_arguments_name_the_valid_ones(self, tiny):
        with pytest.raises(FeabError, match=r"(?s)batchsize: not an argument.*batch_size .*auto grows"):
            load_model(f"hf/{tiny}", batchsize=4)
        with pytest.raises(FeabError, match="dtype"):
            load_model(f"hf/{tiny}", dtype="int3")
        with pytest.raises(FeabError, match="device"):
            load_model(f"hf/{tiny}", device="toaster")

    def test_transformers_is_left_as_loud_as_it_was(self, tiny):
        from transformers.utils import logging

        logging.set_verbosity_info()
        try:
            next(load_model(f"hf/{tiny}").generate([ask(0)]))
            assert logging.get_verbosity() == logging.INFO
        finally:
            logging.set_verbosity_warning()


def test_a_lora_adapter_is_merged_in(tiny, tmp_path, model):
    peft = pytest.importorskip("peft")
    import torch
    from transformers import AutoModelForImageTextToText

    base = AutoModelForImageTextToText.from_pretrained(tiny)
    tuned = peft.get_peft_model(base, peft.LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False))
    torch.manual_seed(0)
    tuned.save_pretrained(tmp_path / "lora")
    adapted = load_model(f"hf/{tiny}", adapter=str(tmp_path / "lora"))
    assert adapted.info.args_that_change_answers["adapter"].startswith("sha256:")
    questions = [ask(i) for i in range(8)]
    before, after = by_key(model.generate(questions)), by_key(adapted.generate(questions))
    assert any(before[key].texts != after[key].texts for key in before)
    with pytest.raises(FeabError, match="adapter_model"):
        load_model(f"hf/{tiny}", adapter=str(tmp_path))


def test_least_recently_used_goes_first():
    cache = LruCache(10, len)
    cache.put("a", "xxxx")
    cache.put("b", "xxxx")
    assert cache.get("a") == "xxxx"
    cache.put("c", "xxxx")
    assert cache.get("b") is None
    assert cache.get("a") == "xxxx"
    cache.put("a", "x" * 11)
    assert cache.get("a") is None


def test_importing_models_imports_nothing_heavy():
    code = (
        "import sys, feab.models; feab.models.list_models(); "
        "print([m for m in ('torch', 'transformers', 'pandas', 'datasets', 'PIL', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
