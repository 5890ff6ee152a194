"""Questions to annotator and verifier: what they say, that it comes from the joint model, and what is refused."""

from __future__ import annotations

import re
import shutil
from itertools import chain, combinations

import pytest

from feab.content import shipped
from feab.errors import FeabError
from feab.generation.asked import levels_asked, question_text, read_prompt
from feab.generation.contexts import KNOWLEDGE
from feab.generation.knowing import facts
from feab.generation.prompts import annotation_question, knowledge_text, verification_question
from feab.generation.record import LEVELS, Context
from feab.generation.wording import paraphrases, template, wording_sha256
from feab.knowledge import Given, JointModel, certain, fit_joint, load_action_units, load_knowledge, posterior, shuffled
from feab.records import Image, Media, Sample, Sampling, Text
from feab.validation import check, validate
from feab.vocabulary import EXPRESSIONS, FEAB_17

FACE = Sample("face", Media(data=b"picture"))
UNITS = {1: True, 4: True, 2: False, 12: False}
SAMPLING = Sampling(temperature=0.7, seed=3)
LABELS = {
    "expression": {"expression": "fear"},
    "valence_arousal": {"valence": -0.5, "arousal": 0.6},
    "action_units": {"action_units": UNITS},
}


@pytest.fixture(scope="module")
def model() -> JointModel:
    return fit_joint(load_knowledge())


def given_levels(levels) -> Given:
    return Given(**{k: v for level in levels for k, v in LABELS[level].items()})


def cases():
    """Every set of given levels with every set of missing ones."""
    for given in chain.from_iterable(combinations(LEVELS, k) for k in range(3)):
        rest = [level for level in LEVELS if level not in given]
        for missing in chain.from_iterable(combinations(rest, k) for k in range(1, len(rest) + 1)):
            yield given, missing


def ask(model, given=(), missing=LEVELS, *, paraphrase="plain", part="none", order=0, **more):
    context = Context(3, paraphrase, part, order)
    return annotation_question(FACE, given_levels(given), missing, context, model, sampling=SAMPLING, **more)


def words(question) -> str:
    return "\n".join(p.text for m in question.messages for p in m.parts if isinstance(p, Text))


@pytest.mark.parametrize(("given", "missing"), list(cases()))
def test_every_question_says_what_is_known_and_asks_for_all_that_is_missing(model, given, missing):
    texts = set()
    for paraphrase in paraphrases():
        for part in KNOWLEDGE:
            question = ask(model, given, missing, paraphrase=paraphrase, part=part, order=5)
            text = words(question)
            texts.add(text)
            assert levels_asked(question) == missing
            assert (question.task, question.prompt, question.kind, question.n) == ("seke", "c3", missing[0], 2)
            for field in question.schema["properties"]:
                assert f'"{field}": ' in text
            if "expression" in missing:
                assert all(re.search(rf"\b{label}\b", text) for label in EXPRESSIONS)
            elif "expression" in given:
                assert "expression: fear" in text
            if "valence_arousal" in given:
                assert "-0.50" in text
                assert "0.60" in text
            for au in FEAB_17 if "action_units" in missing else ():
                assert load_action_units()[au].name in text
            if "action_units" in given:
                assert "present: AU1 (inner brow raiser), AU4 (brow lowerer)" in text
                assert "absent: AU2 (outer brow raiser), AU12 (lip corner puller)" in text
            assert not re.search(r"feel|\bsuffer|\bis (?:angry|sad|happy|afraid)", text, re.IGNORECASE)
            assert "  " not in text
            assert "\n\n\n" not in text
            assert len(text) < 6_000
    assert len(texts) == len(paraphrases()) * len(KNOWLEDGE)


def test_a_picture_goes_with_the_words_and_no_label_of_the_sample_does(model):
    labelled = Sample("face", FACE.media, expression="anger", valence=0.123, arousal=0.4, au_presence={9: 1.0})
    context = Context(0, "coder", "all", 2)
    one, other = (annotation_question(s, Given(), LEVELS, context, model, sampling=SAMPLING) for s in (FACE, labelled))
    assert one == other
    assert [type(part) for part in one.messages[0].parts] == [Image, Text]
    assert one.messages[0].parts[0].media is FACE.media


def test_options_and_fields_follow_the_order_of_the_context(model):
    orders = set()
    for order in range(0, 40, 2):
        one, other = ask(model, order=order), ask(model, order=order + 1)
        assert one.choices == other.choices[::-1]
        assert list(one.schema["properties"]["expression"]["enum"]) == list(one.choices)
        assert ", ".join(one.choices) in words(one)
        orders.add(tuple(one.schema["properties"]))
        assert words(one) != words(other)
    assert len(orders) > 3
    assert ask(model, missing=("action_units",), order=4).choices != tuple(map(str, FEAB_17))


def test_answers_have_room(model):
    assert ask(model).sampling == Sampling(temperature=0.7, seed=3, max_tokens=256)
    long = annotation_question(
        FACE, Given(), LEVELS, Context(0, "plain", "none", 0), model, sampling=Sampling(max_tokens=4000)
    )
    assert long.sampling.max_tokens == 4000


def test_knowledge_is_what_the_joint_model_says_given_what_is_known(model):
    known = Given(action_units={4: True, 7: True, 24: True, 12: False})
    told = facts(model, known, ("expression", "valence_arousal"), FEAB_17)
    now = posterior(model, certain([known]))
    expected = {e: p for e, p in zip(EXPRESSIONS, now.expression[0], strict=True) if p >= 0.05}
    assert set(told["candidates"]) == set(expected)
    for name, chance in expected.items():
        assert told["chances"][name] in (f"{5 * round(20 * chance)} %", "over 95 %")
    anger = posterior(model, certain([Given("anger", known.action_units)])).means[0]
    assert told["valences"]["anger"] == f"{anger[0]:.1f}"
    assert told["typical"]["anger"][:2] == (7, 4)
    assert told["likely"] == ()  # units are not asked for


def test_what_contradicts_is_far_rarer_than_among_all_faces(model):
    everywhere = posterior(model, certain([Given()])).action_units[0]
    for name in EXPRESSIONS:
        with_it = posterior(model, certain([Given(name)])).action_units[0]
        told = facts(model, Given(name), ("action_units",), FEAB_17)
        lifts = dict(zip(FEAB_17, with_it / everywhere, strict=True))
        assert all(lifts[au] < 0.4 for au in told["rare"])
        assert told["rare"] or min(lifts.values()) >= 0.4
        assert told["likely"] == tuple(sorted(told["likely"], key=lambda au: -with_it[FEAB_17.index(au)]))
        assert set(told["likely"]) == {au for au, p in zip(FEAB_17, with_it, strict=True) if p >= 0.4}
        assert not set(told["likely"]) & set(told["rare"])


def test_other_knowledge_says_other_things(model):
    wrong = fit_joint(load_knowledge(renamed=shuffled(1)))
    for part in KNOWLEDGE:
        one, other = (words(ask(m, ("expression",), LEVELS[1:], part=part)) for m in (model, wrong))
        assert (one == other) == (part in ("none", "appearance")), part


def test_all_is_every_part(model):
    texts = {part: knowledge_text(part, Given("fear"), LEVELS[1:], FEAB_17, model) for part in KNOWLEDGE}
    assert texts["none"] == ""
    assert texts["all"] == "\n\n".join((texts["likely"], texts["appearance"], texts["contradictions"]))


@pytest.mark.parametrize(
    ("given", "missing", "more", "message"),
    [
        ((), (), {}, "missing levels"),
        ((), ("expression", "expression"), {}, "missing levels"),
        ((), ("mood",), {}, "missing levels"),
        (("expression",), ("expression",), {}, "expression is both given and asked for"),
        (("valence_arousal",), ("valence_arousal",), {}, "valence_arousal is both"),
        (("action_units",), ("action_units",), {}, "AU 1 is both given and asked for"),
        ((), ("action_units",), {"aus": ()}, "action units to ask for"),
        ((), ("action_units",), {"aus": (1, 1)}, "action units to ask for"),
        ((), ("action_units",), {"aus": (1, 99)}, "AU 99 is not in"),
        ((), LEVELS, {"paraphrase": "../plain"}, "no template"),
        ((), LEVELS, {"paraphrase": "unheard_of"}, "no template"),
        ((), LEVELS, {"part": "gossip"}, "unknown part"),
    ],
)
def test_what_cannot_be_asked_is_refused(model, given, missing, more, message):
    with pytest.raises(FeabError, match=message):
        ask(model, given, missing, **more)


def test_wrong_labels_are_refused_also_without_knowledge(model):
    for wrong in (Given("boredom"), Given(valence=float("nan")), Given(action_units={1: float("nan")})):
        with pytest.raises(FeabError):
            annotation_question(
                FACE, wrong, ("action_units",), Context(0, "plain", "none", 0), model, aus=(2,), sampling=SAMPLING
            )


def test_units_that_are_not_coded_can_be_asked_for_beside_those_that_are(model):
    rest = tuple(au for au in FEAB_17 if au not in UNITS)
    question = ask(model, ("action_units",), ("action_units",), aus=rest, part="all")
    assert set(question.schema["properties"]["action_units"]["items"]["enum"]) == set(rest)
    assert set(question.choices) == set(map(str, rest))


def verify(model, about, candidate, foil="", seed=0, given=None):
    return verification_question(FACE, given or Given(), about, candidate, foil, seed, model, SAMPLING)


def test_candidate_and_foil_cannot_be_told_apart(model):
    for about, one, other in (("expression", "anger", "disgust"), ("12", "present", "absent")):
        right = {words(verify(model, about, one, other, seed)) for seed in range(20)}
        wrong = {words(verify(model, about, other, one, seed)) for seed in range(20)}
        assert right == wrong
        assert len(right) == 2


def test_a_verification_offers_its_options(model):
    question = verify(model, "expression", "anger", "disgust", given=Given(valence=-0.5, arousal=0.5))
    assert question.prompt == "v-expression-anger"
    assert set(question.schema["properties"]["answer"]["enum"]) == {"anger", "disgust", "neither"}
    assert set(question.choices) == {"anger", "disgust"}
    assert "valence: -0.50" in words(question)
    assert "the brows are lowered" in words(question)
    assert question.n == 1
    unit = verify(model, "12", "absent", "present")
    assert (unit.kind, unit.choices, unit.prompt) == ("action_units", ("12",), "v-12-absent")
    assert "the lip corners are pulled up" in words(unit)
    rating = verify(model, "arousal", "-0.35")
    assert (rating.kind, rating.prompt) == ("valence_arousal", "v-arousal--0.35")
    assert set(rating.schema["properties"]["answer"]["enum"]) == {"fits", "too low", "too high"}
    assert "happiness 0.5" in words(rating)
    assert (
        len({tuple(verify(model, "arousal", "0.1", seed=s).schema["properties"]["answer"]["enum"]) for s in range(60)})
        == 6
    )


def test_a_verification_without_knowledge_tells_none():
    assert "raised" not in words(verify(None, "expression", "fear", "surprise"))
    assert "happiness" not in words(verify(None, "valence", "0.2"))
    assert "pulled" not in words(verify(None, "12", "present", "absent"))


@pytest.mark.parametrize(
    ("about", "candidate", "foil"),
    [
        ("expression", "anger", "anger"),
        ("expression", "rage", "anger"),
        ("12", "present", "present"),
        ("12", "perhaps", "absent"),
        ("99", "present", "absent"),
        ("valence", "nan", ""),
        ("valence", "1.5", ""),
        ("valence", "high", ""),
        ("mood", "anger", "fear"),
    ],
)
def test_what_cannot_be_verified_is_refused(model, about, candidate, foil):
    with pytest.raises(FeabError):
        verify(model, about, candidate, foil)


def test_what_is_given_needs_no_verification(model):
    known = Given("fear", {12: True}, 0.1, 0.1)
    for about, candidate, foil in (
        ("expression", "fear", "anger"),
        ("12", "present", "absent"),
        ("valence", "0.1", ""),
    ):
        with pytest.raises(FeabError, match="is given"):
            verify(model, about, candidate, foil, given=known)


def test_a_prompts_name_tells_what_was_asked(model):
    assert read_prompt(ask(model).prompt) == 3
    for about, candidate, foil in (
        ("expression", "fear", "anger"),
        ("12", "absent", "present"),
        ("valence", "-0.35", ""),
    ):
        question = verify(model, about, candidate, foil)
        assert read_prompt(question.prompt) == (about, candidate)
        assert levels_asked(question) == ()
    for wrong in (
        "",
        "c",
        "c-1",
        "cx",
        "c1-2",
        "v-",
        "v-12",
        "v-mood-x",
        "v-expression-joy",
        "direct",
        "c" + "9" * 40,
        "c²",
    ):
        with pytest.raises(FeabError):
            read_prompt(wrong)


def test_a_question_can_be_read_by_people(model):
    shown = question_text(ask(model, part="likely"))
    assert "sample face, prompt c3, 2 draws" in shown
    assert "[picture]\nLook at the face" in shown
    assert '"enum"' in shown


def test_the_wordings_hash_follows_every_file(tmp_path):
    folder = tmp_path / "prompts"
    shutil.copytree(shipped("generation") / "prompts", folder)
    hashes = {wording_sha256()}
    assert wording_sha256(folder) in hashes
    for number, path in enumerate(sorted(folder.iterdir())):
        other = tmp_path / f"changed{number}"
        shutil.copytree(folder, other)
        (other / path.name).write_text(path.read_text() + "\nAnd so on.")
        hashes.add(wording_sha256(other))
    assert len(hashes) == 1 + len(list(folder.iterdir()))


@pytest.mark.parametrize("source", ["{{ truth }}", "{{ given", "{% include 'x' %}", "{{ ''.__class__ }}", "x" * 9_000])
def test_a_wrong_template_is_refused_by_name(tmp_path, source):
    (tmp_path / "ask_mine.j2").write_text(source)
    with pytest.raises(FeabError, match=r"ask_mine\.j2"):
        template("ask_mine", tmp_path)


def test_a_missing_template_is_refused_by_name(tmp_path):
    (tmp_path / "ask_mine.j2").write_text("{{ answer }}")
    with pytest.raises(FeabError, match=r"given\.j2"):
        wording_sha256(tmp_path)


def problems(folder) -> list[str]:
    return [str(problem) for problem in validate(folder)]


def test_shipped_prompts_are_clean_and_others_are_checked(tmp_path):
    shipped_folder = shipped("generation") / "prompts"
    (checked,) = (one for one in check(shipped("generation")) if one.kind == "prompts")
    assert (checked.path, checked.what, checked.problems) == (shipped_folder, "prompts of SEKE, 5 paraphrases", ())
    assert validate(shipped_folder / "given.j2") == []
    folder = tmp_path / "prompts"
    shutil.copytree(shipped_folder, folder)
    (folder / "ask_mine.j2").write_text("{{ given }} {{ knowledge }} {{ labels | join(' ') }}{{ aus[17] }}")
    (folder / "ask_yours.j2").write_text("{{ given }} {{ knowledge }} {{ labels | join(' ') }}")
    (folder / "ask_ours.j2").write_text("{{ truth }}")
    (folder / "know_gossip.j2").write_text("x")
    (folder / "know_likely.j2").unlink()
    found = problems(folder)
    for words in (
        "ask_mine.j2: the prompt template cannot be filled in",
        "ask_yours.j2: does not show answer",
        "ask_yours.j2: does not show aus",
        "ask_ours.j2: unknown name 'truth'",
        "know_gossip.j2: is a template that nothing uses",
        "know_likely.j2: cannot read it",
    ):
        assert any(words in problem for problem in found), (words, found)
    assert len(found) == 6
