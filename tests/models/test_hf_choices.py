"""Scoring by choices on real models with random weights, and on feab-tiny: the numbers are the model's own."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
from tiny_vlm import ask, build_idefics3, jpeg

import feab
from feab.errors import FeabError
from feab.models.choices import LEAST, around, chosen, likelihood, shares
from feab.models.hf_spelling import Speller
from feab.records import Closed, Likelihood, Message, Option, Question, Text
from feab.tasks import load_tasks
from feab.tasks.choices import as_scored

LABELS = ("neutral", "happiness", "anger", "angry face", "ang")


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A checkpoint with 36 image tokens."""
    return build_idefics3(tmp_path_factory.mktemp("many"), scale=1)


@pytest.fixture(scope="module", params=["one token a patch", "few image tokens"])
def model(request, tiny, many):
    loaded = feab.load_model(f"hf/{many if request.param == 'one token a patch' else tiny}", batch_size=16)
    yield loaded
    loaded.close()


def expression(sample: int, **more: object) -> Question:
    question = ask(sample, **more)
    options = tuple(Option(label, (label, label.capitalize())) for label in LABELS)
    return replace(question, choices=LABELS, scoring="choices", closed=(Closed("", question.messages, options),))


def units(sample: int) -> Question:
    question = ask(sample, task="t_au")
    picture = question.messages[0].parts[0]
    closed = tuple(
        Closed(
            au,
            (Message("user", (picture, Text(f"Is there AU{au}, {'of the brow ' * int(au)}or not?"))),),
            (Option("yes", ("yes", "Yes")), Option("no", ("no", "No"))),
        )
        for au in question.choices
    )
    return replace(question, scoring="yes-no", closed=closed)


def by_hand(model, question: Question, closed: Closed) -> dict[str, tuple[float, int]]:
    """Spelling -> the sum of its tokens' log-probabilities by one pass of the whole sequence, and their number."""
    import torch

    generator = model._generator
    network, tokenizer = generator._model, generator._tokenizer
    prepared = model._maker.prepare(replace(question, messages=closed.messages, closed=()))
    found = {}
    for option in closed.options:
        for spelling in option.spellings:
            ids = tokenizer(spelling, add_special_tokens=False)["input_ids"]
            ids = [*ids, *([tokenizer.eos_token_id] if closed.ends else [])]
            fields = dict(prepared.fields)
            whole = torch.cat([fields.pop("input_ids"), torch.tensor([ids])], dim=1)
            fields["attention_mask"] = torch.ones_like(whole)
            with torch.inference_mode():
                logits = network(input_ids=whole, **fields, use_cache=False).logits[0].float().log_softmax(-1)
            start = whole.shape[1] - len(ids)
            found[spelling] = (sum(float(logits[start - 1 + i, token]) for i, token in enumerate(ids)), len(ids))
    return found


def check(model, completion) -> None:
    question = completion.question
    for closed in question.closed:
        truth = by_hand(model, question, closed)
        for option in closed.options:
            name = f"{closed.about} {option.name}".strip()
            mine = completion.likelihoods[name]
            logs = [truth[spelling][0] for spelling in option.spellings]
            assert mine.logprob == pytest.approx(math.log(sum(map(math.exp, logs))), abs=1e-4)
            assert mine.tokens == max(truth[spelling] for spelling in option.spellings)[1]


def test_labels_have_the_likelihoods_of_whole_sequences(model):
    found = list(model.generate([expression(sample) for sample in range(5)]))
    assert model._scorer.passes.repeats_cache is True
    assert model.info.details["options_share_prompt"] is True
    for one in found:
        check(model, one)
        assert sum(one.probabilities.values()) == pytest.approx(1)
        assert one.texts == (max(LABELS, key=lambda label: one.likelihoods[label].logprob),)
        logs = {label: one.likelihoods[label].logprob for label in LABELS}
        total = sum(map(math.exp, logs.values()))
        assert one.probabilities == pytest.approx({label: math.exp(log) / total for label, log in logs.items()})
    assert len({tuple(one.probabilities.values()) for one in found}) == 5  # the face matters


def test_units_asked_one_by_one_share_the_image(model, monkeypatch):
    passes = model._scorer.passes
    seen = []
    original = passes._model.forward

    def forward(*args, **given):
        seen.append(given.get("pixel_values") is not None)
        return original(*args, **given)

    list(model.generate([units(0)]))  # the first of a shape is tried both ways
    monkeypatch.setattr(passes._model, "forward", forward)
    (one,) = model.generate([units(1)])
    assert seen == [True, False]
    monkeypatch.undo()
    check(model, one)
    assert set(one.probabilities) == {"1", "4", "12"}
    for au, p in one.probabilities.items():
        yes, no = (math.exp(one.likelihoods[f"{au} {word}"].logprob) for word in ("yes", "no"))
        assert p == pytest.approx(yes / (yes + no))
    there = [au for au in ("1", "4", "12") if one.probabilities[au] >= 0.5]
    assert one.texts == (", ".join(there) or "none",)


def test_lists_are_weighed_around_the_models_own(model):
    asked = replace(ask(3, task="t_au"), scoring="choices")
    (written,) = model.generate([replace(asked, scoring="generate")])
    (one,) = model.generate([asked])
    assert one.question == asked
    around_it = around_own(model, asked)
    check(model, replace(one, question=around_it))
    assert all(closed.ends for closed in around_it.closed)
    for au, p in one.probabilities.items():
        yes, no = (one.likelihoods[f"{au} {word}"].logprob for word in ("yes", "no"))
        assert p == pytest.approx(1 / (1 + math.exp(no - yes)))
    assert one.usage.output_tokens == written.usage.output_tokens


def test_whole_sequences_where_the_cache_cannot_be_repeated(tiny, monkeypatch):
    from transformers.cache_utils import DynamicCache

    questions = [expression(0), units(1), expression(2)]
    with_cache = {one.question.key: one for one in feab.load_model(f"hf/{tiny}").generate(questions)}

    def cannot(self, repeats):
        raise NotImplementedError("this cache cannot")

    monkeypatch.setattr(DynamicCache, "batch_repeat_interleave", cannot)
    plain = feab.load_model(f"hf/{tiny}")
    without = {one.question.key: one for one in plain.generate(questions)}
    assert plain._scorer.passes.repeats_cache is False
    assert plain.info.details["options_share_prompt"] is False
    for key, one in with_cache.items():
        for name, mine in one.likelihoods.items():
            assert without[key].likelihoods[name].logprob == pytest.approx(mine.logprob, abs=1e-4)
        assert without[key].texts == one.texts


def test_a_cache_that_gives_other_numbers_is_not_used(tiny, monkeypatch):
    from transformers.cache_utils import DynamicCache

    honest = DynamicCache.batch_repeat_interleave

    def wrong(self, repeats):
        honest(self, repeats)
        for layer in self.layers:
            layer.values = layer.values * 1.5

    monkeypatch.setattr(DynamicCache, "batch_repeat_interleave", wrong)
    model = feab.load_model(f"hf/{tiny}")
    (one,) = model.generate([expression(0)])
    assert model._scorer.passes.repeats_cache is False
    check(model, one)


def test_feab_tiny_both_ways():
    model = feab.load_model("feab-tiny")
    task = load_tasks("synth_expression")[0]
    sample = replace(task.question("a", ask(0).messages[0].parts[0].media))
    items = [
        item
        for number, data in enumerate(map(jpeg, range(6)))
        for item in model._scorer._made(
            number,
            as_scored(task, replace(sample, messages=ask(0, data=data, text="which?").messages), "choices"),
        ).items
    ]
    import torch

    with torch.inference_mode():
        cached, whole = model._scorer.passes.from_cache(items), model._scorer.passes.from_whole(items)
    assert (
        max(abs(a - b) for one, other in zip(cached, whole, strict=True) for a, b in zip(one, other, strict=True))
        < 1e-4
    )
    assert len(cached) == 6


def test_images_of_several_sizes_and_prompts_of_several_lengths_in_one_stream(model):
    questions = [
        expression(sample, data=jpeg(sample, size), text=text)
        for sample, (size, text) in enumerate(
            [((64, 64), "Which?"), ((40, 80), "Which?"), ((64, 64), "Which of these is it?"), ((64, 64), "Which?")]
        )
    ]
    found = list(model.generate(questions))
    assert [one.question for one in found] == questions
    for one in found:
        check(model, one)


@pytest.mark.parametrize("size", [1, 3])
def test_rows_that_do_not_fit_together_go_one_after_another(tiny, size):
    model = feab.load_model(f"hf/{tiny}", batch_size=size)
    rows = []
    padded = model._scorer.passes._padded
    model._scorer.passes._padded = lambda given: rows.append(len(given)) or padded(given)
    asked = replace(ask(3, task="t_au"), scoring="choices")
    for one in model.generate([expression(0), expression(1), units(2), asked]):
        check(model, one if one.question.closed else replace(one, question=around_own(model, asked)))
    assert max(rows) == size


def around_own(model, asked: Question) -> Question:
    """With the sets around what the model writes itself."""
    (written,) = model.generate([replace(asked, scoring="generate")])
    return around(asked, written.texts[0])


def test_those_without_closed_sets_are_generated_in_the_same_stream(model):
    va = replace(ask(1, task="t_va"), choices=(), scoring="choices")
    found = {one.question.task: one for one in model.generate([expression(0), va])}
    (alone,) = model.generate([replace(va, scoring="generate")])
    assert found["t_va"].texts == alone.texts
    assert found["t_va"].probabilities is None
    assert found["t_expression"].likelihoods


def test_a_bad_image_is_one_questions_trouble(model):
    found = list(model.generate([expression(0), expression("bad", data=b"no picture"), expression(2)]))
    assert [one.error and one.error.kind for one in found] == [None, "image", None]


def test_what_does_not_fit_is_tried_in_halves(tiny):
    import torch

    model = feab.load_model(f"hf/{tiny}", batch_size=40)
    plain = {one.question.key: one.probabilities for one in model.generate([expression(s) for s in range(4)])}
    passes = model._scorer.passes
    original = passes.logprobs

    def tight(items):
        if len(items) > 1 or items[0].number == 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(items)

    passes.logprobs = tight
    found = list(model.generate([expression(s) for s in range(4)]))
    assert model._scorer._size.value == 1  # it tried ever fewer rows
    assert [one.error and one.error.kind for one in found] == [None, None, "out_of_memory", None]
    assert all(one.probabilities == pytest.approx(plain[one.question.key], abs=1e-5) for one in found if not one.error)


def test_closed_models_say_so(tiny):
    model = feab.load_model(f"hf/{tiny}")
    model.close()
    with pytest.raises(FeabError, match="closed"):
        next(model.generate([expression(0)]))


class Words:
    """A tokenizer that makes a token of every word with the space before it, as sentencepiece does."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def __call__(self, text, add_special_tokens):
        import re

        assert not add_special_tokens
        pieces = re.findall(r"<[^>]*>| ?[^ <\n]+|\s", text)
        return {"input_ids": [self.known.setdefault(piece, len(self.known)) for piece in pieces]}

    def text(self, ids):
        names = {number: piece for piece, number in self.known.items()}
        return [names[number] for number in ids]


class TestSpelling:
    def speller(self, template, ends=(0,)):
        def apply(turns, tokenize, **given):
            return template(turns)

        words = Words()
        words("<end>", add_special_tokens=False)
        return Speller(SimpleNamespace(tokenizer=words, apply_chat_template=apply), None, ends), words

    def test_the_space_and_the_end_are_the_templates_own(self):
        def template(turns):
            return "User: ask<x>\nAssistant: " + turns[-1]["content"][0]["text"] + "<end>\n"

        speller, words = self.speller(template)
        question = ask(0)
        assert words.text(speller.tokens("User: ask<x>\nAssistant:", question, "fear")) == [" fear"]
        assert words.text(speller.tokens("User: ask<x>\nAssistant:", question, "fear", ends=True)) == [" fear", "<end>"]

    def test_no_space_after_a_line_break(self):
        speller, words = self.speller(lambda turns: "<user>ask\n<model>\n" + turns[-1]["content"][0]["text"])
        assert words.text(speller.tokens("<user>ask\n<model>\n", ask(0), "fear")) == ["fear"]

    @pytest.mark.parametrize(("prompt", "written"), [("ask. Answer:", " fear"), ("ask<model>", "fear")])
    def test_a_template_that_cannot_say_is_guessed(self, prompt, written):
        def refuse(turns):
            raise ValueError("no assistant here")

        speller, words = self.speller(refuse)
        assert words.text(speller.tokens(prompt, ask(0), "fear", ends=True)) == [written, "<end>"]

    def test_what_a_template_thinks_before_an_answer_is_not_white_space(self):
        speller, words = self.speller(lambda turns: "ask<model><think></think>" + turns[-1]["content"][0]["text"])
        assert words.text(speller.tokens("ask<model>", ask(0), "fear")) == ["fear"]

    def test_a_prompt_that_ends_in_a_space_keeps_its_tokens(self):
        # " fear" is one token, and the prompt has the space as one of its own already.
        speller, words = self.speller(lambda turns: "ask<model> " + turns[-1]["content"][0]["text"])
        assert words.text(speller.tokens("ask<model> ", ask(0), "fear")) == ["fear"]


def test_spellings_of_one_option_add_up():
    option = Option("fear", ("fear", "Fear"))
    found = likelihood(option, {"fear": (math.log(0.25), 2), "Fear": (math.log(0.5), 3)})
    assert found.logprob == pytest.approx(math.log(0.75))
    assert found.tokens == 3
    assert likelihood(option, {"fear": (-math.inf, 2), "Fear": (-math.inf, 3)}) == Likelihood(LEAST, 3)


def test_shares_of_the_very_unlikely_sum_to_one():
    assert shares([-5000.0, -5000.0 + math.log(3)]) == pytest.approx([0.25, 0.75])


def test_of_equally_likely_labels_the_first_shown_is_taken():
    question = expression(0)
    one = chosen(question, [{label: Likelihood(-1.0, 1) for label in LABELS}])
    assert one.texts == ("neutral",)
    assert set(one.probabilities.values()) == {1 / len(LABELS)}


@pytest.mark.parametrize(
    ("text", "schema", "with_12", "without_4"),
    [
        ("4, 12", None, "4, 12", "12"),
        ("AU4", None, "4, 12", "none"),
        ("no idea at all", None, "12", "none"),
        ('{"action_units": [12, 4]}', {}, '{"action_units": [4, 12]}', '{"action_units": [12]}'),
    ],
)
def test_lists_around_an_answer(text, schema, with_12, without_4):
    question = replace(ask(0, task="t_au"), scoring="choices", schema=schema)
    closed = {
        one.about: {option.name: option.spellings for option in one.options} for one in around(question, text).closed
    }
    assert list(closed) == ["1", "4", "12"]
    assert closed["12"]["yes"] == (with_12,)
    assert closed["4"]["no"] == (without_4,)
