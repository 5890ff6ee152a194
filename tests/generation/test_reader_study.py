"""The annotator made for the study with a real one, small: what it is taught is true, and how; panels of networks."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from annotating import Says, load_dataset, write_faces

from feab.content import shipped
from feab.errors import FeabError
from feab.generation.answers import read_draw, read_verdict
from feab.generation.human import human_labels
from feab.generation.prompts import annotation_question, verification_question
from feab.generation.record import LEVELS, Context
from feab.knowledge import Given, fit_joint, load_knowledge
from feab.models import Model
from feab.records import Media, Question, Sample, Sampling
from feab.vocabulary import FEAB_17

sys.path.insert(0, str(shipped("generation") / "studies"))

import panel
import reader_probe
from reader_lessons import NEAR, Lesson, Lessons


@pytest.fixture(scope="module")
def lessons(tmp_path_factory: pytest.TempPathFactory) -> Lessons:
    data = load_dataset(str(write_faces(tmp_path_factory.mktemp("reader") / "made", 6, free=True)))
    return Lessons(data.ids, human_labels(data), fit_joint(load_knowledge()))


@pytest.fixture(scope="module")
def batches(lessons: Lessons) -> list[list[Lesson]]:
    return list(islice(lessons.batches(6, np.random.default_rng(0)), 120))


def test_answers_to_annotate_are_the_labels(lessons: Lessons, batches: list[list[Lesson]]) -> None:
    seen = set()
    for lesson in (one for some in batches for one in some if '"answer"' not in one.answer):
        names = tuple(json.loads(lesson.answer))
        assert lesson.question.rstrip("}").rfind(f'"{names[-1]}":') > lesson.question.rfind(f'"{names[0]}":')
        asked = [level for level in LEVELS if level in names or (level == "valence_arousal" and "valence" in names)]
        draw, _ = read_draw(lesson.answer, asked, FEAB_17, context=0, draw=0)
        truth = lessons.labels.given(lesson.row, LEVELS)
        assert truth.expression is not None
        assert truth.valence is not None
        assert draw.expression in (None, truth.expression)
        assert draw.valence_arousal is not None
        assert draw.valence_arousal[0] == pytest.approx(truth.valence, abs=0.0251)
        assert draw.action_units in (None, {au for au, shown in truth.action_units.items() if shown})
        seen.add(tuple(asked))
    assert seen == {LEVELS, ("valence_arousal", "action_units"), ("expression", "valence_arousal")}


def test_verifications_are_as_often_right_as_not_and_answered_truly(lessons: Lessons) -> None:
    rng, rulings = np.random.default_rng(1), []
    for row in lessons.rows * 4:
        for given in (["expression"], ["action_units"]):
            about, candidate, foil = lessons.doubt(row, given, rng)
            answer = lessons.verdict(row, about, candidate, foil)
            truth = lessons.labels.given(row, LEVELS)
            assert answer is not None
            ruling = read_verdict(answer, about, candidate).ruling
            if about in ("valence", "arousal"):
                above = round(getattr(truth, about) * 20) / 20 - float(candidate)
                assert ruling == ("confirm" if abs(above) < NEAR + 0.01 else "too low" if above > 0 else "too high")
            else:
                shown = truth.expression if about == "expression" else _word(truth, int(about))
                assert ruling == ("confirm" if candidate == shown else "refute")
                rulings.append(ruling)
    assert 0.35 < rulings.count("confirm") / len(rulings) < 0.6


def _word(truth: Given, au: int) -> str:
    return "present" if truth.action_units[au] else "absent"


def test_faces_share_a_question_where_the_same_is_known_of_them(lessons: Lessons, batches: list[list[Lesson]]) -> None:
    sizes = {len({one.question for one in some}) for some in batches}
    assert 1 in sizes  # nothing given, or the expression
    assert max(sizes) > 1  # action units given: each face its own
    for some in batches:
        words = {lessons.labels.expression[one.row] for one in some}
        if len({one.question for one in some}) == 1:
            told = [word for word in words if f"- expression: {word}\n" in some[0].question]
            assert not told or set(told) == words


def test_the_loss_is_the_same_whether_questions_are_shared_or_not(batches: list[list[Lesson]]) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    import reader

    from feab.training.language import Speaker
    from feab.training.recipe import load_recipe
    from feab.training.tiny import build_model, build_processor

    torch.manual_seed(0)
    text = reader.LLAMA.model_copy(update={"width": 32, "mlp": 32, "layers": 1})
    architecture = load_recipe(reader.TINY).architecture.model_copy(update={"picture": reader.PICTURE, "text": text})
    processor = build_processor(architecture, ())
    reader.spell(processor, [text for some in batches[:12] for one in some for text in (one.question, one.answer)])
    speaker = Speaker(build_model(architecture, processor.tokenizer).eval(), processor)
    own = next(some for some in batches if len({one.question for one in some}) > 2)[:3]
    tokens = torch.randn(3, 32)
    together = float(reader.loss(speaker, own, tokens).detach())
    alone = [float(reader.loss(speaker, [one], row[None]).detach()) for one, row in zip(own, tokens, strict=True)]
    lengths = [len(ids) + 1 for ids in processor.tokenizer([one.answer for one in own])["input_ids"]]
    assert together == pytest.approx(np.average(alone, weights=lengths), rel=1e-4)
    assert processor.tokenizer.decode(processor.tokenizer(own[0].answer)["input_ids"]) == own[0].answer


def test_a_probe_s_strangers_display_something_else() -> None:
    words = ["fear", "fear", "anger", "fear", "anger"]
    assert reader_probe.strangers(words) == [2, 2, 3, 4, 0]
    assert reader_probe.strangers(["fear", "fear"]) == [0, 1]  # there is none


def test_a_panel_asks_one_model_in_each_context(lessons: Lessons) -> None:
    def member(name: str) -> Model:
        return Says(lambda question, draw: name)

    table = panel.Panel([member("a"), member("b"), member("c")])
    sample, given = Sample("face", Media(data=b"")), Given()

    def questions() -> Iterator[Question]:
        for number in range(5):
            context = Context(number, "plain", "none", 0)
            yield annotation_question(sample, given, ["expression"], context, lessons.knowledge, sampling=Sampling())
        yield verification_question(sample, given, "expression", "fear", "anger", 0, None, Sampling())

    said = [done.texts for done in table.generate(questions())]
    assert said == [("a", "a"), ("b", "b"), ("c", "c"), ("a", "a"), ("b", "b"), ("a",)]
    assert table.info.name == table.name == panel.NAME
    table.close()


def test_networks_that_are_not_here_are_said_to_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FEAB_CACHE", str(tmp_path))
    with pytest.raises(FeabError, match="feab models fetch"):
        panel.open_panel()
