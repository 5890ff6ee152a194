"""The scripted model: deterministic, bounded, and clear about what is wrong with a script."""

from __future__ import annotations

import json

import pytest
from tiny_vlm import ask, by_key

from feab.errors import FeabError
from feab.models import Model, load_model


def mock(folder, script, **args):
    path = folder / "answers.yaml"
    path.write_text(script)
    return load_model(f"mock/{path}", **args)


def texts(completions):
    return {key: completion.texts for key, completion in by_key(completions).items()}


def test_the_first_rule_that_fits_answers(tmp_path):
    model = mock(
        tmp_path,
        """
        answers:
          - {task: t_va, text: "valence: 0, arousal: 0"}
          - {sample: "1*", text: sadness}
          - {prompt: "r*", text: "<think>hm</think> fear"}
          - {text: happiness}
        """,
    )
    assert isinstance(model, Model)
    questions = [ask(1), ask(2), ask(10), ask(1, task="t_va"), ask(3, prompt="reason")]
    assert list(texts(model.generate(questions)).values()) == [
        ("sadness",), ("happiness",), ("sadness",), ("valence: 0, arousal: 0",), ("<think>hm</think> fear",),
    ]  # fmt: skip


def test_errors_finish_reasons_and_probabilities(tmp_path):
    model = mock(
        tmp_path,
        """
        - {sample: "1", error: {kind: timeout, message: too slow}}
        - {sample: "2", text: I cannot help with that., finish_reason: refusal}
        - {sample: "3", text: fear, probabilities: {fear: 0.7, anger: 0.2}}
        """,
    )
    answers = by_key(model.generate([ask(i) for i in (1, 2, 3, 4)]))
    one, two, three, four = (answers["t_expression", str(i), "direct", 0] for i in (1, 2, 3, 4))
    assert (one.error.kind, one.error.message) == ("timeout", "too slow")
    assert two.finish_reasons == ("refusal",)
    assert three.probabilities == {"fear": 0.7, "anger": 0.2}
    assert four.error.kind == "no_rule"
    assert two.usage.output_tokens == 5


def test_draws_take_turns_and_samples_take_picks(tmp_path):
    model = mock(tmp_path, "answers: [{task: t_au, texts: [a, b, c], pick: sample}, {texts: [x, y]}]")
    assert next(model.generate([ask(0, n=3, first_draw=1)])).texts == ("y", "x", "y")
    picked = texts(model.generate([ask(i, task="t_au", n=2) for i in range(200)])).values()
    assert all(one[0] == one[1] for one in picked)
    share = [sum(one[0] == letter for one in picked) for letter in "abc"]
    assert min(share) > 40


def test_chances_depend_on_seed_and_question_alone(tmp_path):
    script = "answers: [{error: {kind: http_500}, probability: 0.3}, {text: fear}]"
    questions = [ask(i) for i in range(300)]
    failed = {key for key, one in by_key(mock(tmp_path, script).generate(questions)).items() if one.error}
    again = by_key(mock(tmp_path, script, look_ahead=16).generate(reversed(questions)))
    assert failed == {key for key, one in again.items() if one.error}
    assert 60 < len(failed) < 120
    other = by_key(mock(tmp_path, script, seed=9).generate(questions))
    assert failed != {key for key, one in other.items() if one.error}
    rate = by_key(mock(tmp_path, "answers: [{text: fear}]", error_rate=0.3, error_kind="busy").generate(questions))
    assert 60 < sum(one.error is not None and one.error.kind == "busy" for one in rate.values()) < 120


def test_look_ahead_bounds_the_pulling_and_changes_the_order(tmp_path):
    pulled = 0

    def endless():
        nonlocal pulled
        while True:
            pulled += 1
            yield ask(pulled, data=b"")

    answers = mock(tmp_path, "answers: [{text: fear}]", look_ahead=8).generate(endless())
    first = [next(answers).question.sample for _ in range(8)]
    assert pulled == 8
    assert sorted(first, key=int) == [str(i) for i in range(1, 9)]
    assert first != sorted(first, key=int)


def test_delays_are_waited_for(tmp_path, monkeypatch):
    slept = []
    monkeypatch.setattr("feab.models.mock.time.sleep", slept.append)
    list(mock(tmp_path, "answers: [{text: fear, delay_s: 0.5}]", delay_s="0.25").generate([ask(1)]))
    assert slept == [0.75]


def test_json_lines_and_a_line_a_sample(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps({"sample": str(i), "text": f"text {i}"}) + "\n\n" for i in range(20_000)))
    model = load_model(f"mock/{path}")
    found = texts(model.generate([ask(i, data=b"") for i in range(0, 20_000, 7)]))
    assert all(text == (f"text {key[1]}",) for key, text in found.items())


def test_identity(tmp_path):
    one = mock(tmp_path, "answers: [{text: fear}]").info
    same = mock(tmp_path, "answers: [{text: fear}]", delay_s=1, error_rate=0.5, look_ahead=3).info
    assert one.args_that_change_answers == same.args_that_change_answers == {}
    assert one.revision == same.revision, "failures and delays do not change answers: such a run is resumed"
    assert one.revision != mock(tmp_path, "answers: [{text: anger}]").info.revision


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("answers: [{txt: a}]", "answers.0.txt"),
        ("answers: [{text: a, error: {kind: b}}]", "exactly one"),
        ("answers: [{task: b}]", "exactly one"),
        ("answers: [{text: a, probability: 2}]", "probability"),
        ("answers: [{text: a, delay_s: -1}]", "delay_s"),
        ("answers: [{text: a, finish_reason: bored}]", "finish_reason"),
        ("answers: {}", "answers"),
        ("nonsense", "file"),
        ("x: &a [1]\ny: *a", "aliases"),
    ],
)
def test_a_bad_script_is_named_with_the_place(tmp_path, script, complaint):
    with pytest.raises(FeabError, match=complaint) as caught:
        mock(tmp_path, script)
    assert "answers.yaml" in str(caught.value)


def test_a_bad_line_is_named(tmp_path):
    path = tmp_path / "a.jsonl"
    for line, complaint in [
        ("{", "not a JSON object"),
        ('{"text": 3}', "text"),
        ("[]", "file"),
        ("[" * 99999, "not a"),
    ]:
        path.write_text('{"text": "fear"}\n' + line)
        with pytest.raises(FeabError, match=f"line 2: .*{complaint}"):
            load_model(f"mock/{path}")


def test_missing_scripts_and_wrong_arguments(tmp_path):
    with pytest.raises(FeabError, match="cannot read"):
        load_model(f"mock/{tmp_path}/none.yaml")
    with pytest.raises(FeabError, match=r"(?s)speed: not an argument.*delay_s .*seconds"):
        mock(tmp_path, "answers: [{text: a}]", speed=3)
    with pytest.raises(FeabError, match="error_rate"):
        mock(tmp_path, "answers: [{text: a}]", error_rate="often")
