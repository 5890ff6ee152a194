"""The study of the reference baseline: who is labelled, what arms say, what the base's tower learns, what is told."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from feab.content import shipped
from feab.data.annotations import AnnotationLine
from feab.generation.annotated import annotation_line
from feab.generation.record import LEVELS, Annotation, Level, LevelAnnotation, Value
from feab.knowledge import Given
from feab.metrics import Drawn, Estimate, expression_sums

STUDIES = shipped("training") / "studies"


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The study's modules find each other as they do when it is run as a script."""
    monkeypatch.setattr(sys, "path", [str(STUDIES), *sys.path])


def test_people_are_labelled_in_full_or_not_at_all() -> None:
    import baseline_data as study

    labelled = [study.labelled(person) for person in range(200)]
    assert labelled[: study.IN_FULL] == [LEVELS] * study.IN_FULL
    assert not any(labelled[study.IN_FULL :])


def line(**levels: LevelAnnotation) -> AnnotationLine:
    return annotation_line(Annotation("a", levels))  # type: ignore[arg-type]


def test_an_arm_leaves_what_people_said_and_replaces_the_rest() -> None:
    import baseline_data as study

    made = line(
        expression=LevelAnnotation("anger", "human"),
        valence_arousal=LevelAnnotation((0.1, 0.2), "generated", 0.9),
        action_units=LevelAnnotation(frozenset({4}), "rejected", 0.2),
    )

    def says(line: AnnotationLine, level: Level) -> Value | None:
        assert line.sample == "a"
        return {"expression": "fear", "valence_arousal": (0.46, -0.04), "action_units": None}[level]  # type: ignore[return-value]

    (found,) = study.arm_lines([made], says)
    expression, affect, units = (found.level(level) for level in LEVELS)
    assert expression is not None
    assert (expression.source, expression.value) == ("human", "anger")
    assert affect is not None
    assert affect.source == "generated"
    assert dict(affect.value) == {"valence": 0.5, "arousal": 0.0}
    assert units is None


def test_valence_and_arousal_of_people_are_said_on_the_grid_too() -> None:
    import baseline_data as study

    made = line(valence_arousal=LevelAnnotation((-0.97, -0.01), "human"))
    (found,) = study.arm_lines([made], lambda line, level: None)
    assert found.valence_arousal is not None
    assert found.valence_arousal.source == "human"
    assert found.valence_arousal.value is not None
    assert str(found.valence_arousal.value.model_dump()) == "{'valence': -1.0, 'arousal': 0.0}"  # not -0.0


def units_of(probability: float, source: str = "generated") -> AnnotationLine:
    """A face of which SEKE says how probable AU 12 is."""
    there = frozenset({12}) if probability > 0.5 else frozenset()
    sure = {"confidence": probability} if source == "generated" else {}
    return line(action_units=LevelAnnotation(there, source, details={"12": probability}, **sure))  # type: ignore[arg-type]


def test_an_action_unit_is_said_where_that_makes_the_expected_f1_largest() -> None:
    import baseline_data as study

    sure = [0.9, 0.4, 0.4, 0.1, 0.1]
    # Named of the first one, three or five: 2 * .9 / (1 + 1.9), 2 * 1.7 / (3 + 1.9), 2 * 1.9 / (5 + 1.9).
    lines = [units_of(each) for each in sure]
    limits = study.unit_limits([*lines, units_of(1.0, "human")])
    assert limits == {12: 0.4}
    assert [study.accepted(each, "action_units", limits) for each in lines] == [{12}] * 3 + [frozenset()] * 2


def test_what_seke_accepts_of_a_face() -> None:
    import baseline_data as study

    made = line(
        expression=LevelAnnotation("fear", "generated", 0.9),
        valence_arousal=LevelAnnotation((0.1, 0.2), "generated", 0.9),
        action_units=LevelAnnotation(frozenset({4}), "rejected", 0.2, details={"4": 0.9}),
    )
    assert [study.accepted(made, level, {4: 0.3}) for level in LEVELS] == ["fear", (0.1, 0.2), None]
    assert study.accepted(line(expression=LevelAnnotation("fear", "human")), "expression", {}) is None


def test_a_share_of_every_batch_is_of_people() -> None:
    import baseline_tuning as study

    rng = np.random.default_rng(0)
    order = study.batches([True, False, False, True, False, False], 4, 0.5, rng)
    drawn = [next(order) for _ in range(4)]
    assert all(sum(number in (0, 3) for number in batch) == 2 for batch in drawn)
    assert sorted(number for batch in drawn[:2] for number in batch if number not in (0, 3)) == [1, 2, 4, 5]
    for first, share in ([True] * 3, 0.5), ([True, False, False], None):
        assert sorted(next(study.batches(first, 3, share, rng))) == [0, 1, 2]  # all there is, once a round


def test_truth_as_a_value_of_each_level() -> None:
    import baseline_data as study

    truth = Given("fear", {1: True, 4: False}, -0.5, 0.5)
    assert [study.value_of(truth, level) for level in LEVELS] == ["fear", (-0.5, 0.5), frozenset({1})]


def test_the_tasks_ask_as_the_benchmark_does(tmp_path: Path) -> None:
    import baseline_data as study

    from feab.tasks import load_tasks

    for ours, theirs in zip(study.write_tasks(tmp_path), load_tasks("synth"), strict=True):
        assert list(ours.prompts) == ["direct"]
        assert ours.prompt_text("direct") == theirs.prompt_text("direct")
        assert (ours.kind, ours.labels, ours.aus) == (theirs.kind, theirs.labels, theirs.aus)


def test_the_recipe_of_annotating(tmp_path: Path) -> None:
    import baseline_data as study

    found = study.recipe_of(tmp_path)
    assert found.seed == study.SEED
    assert found.stopping.target_error == study.TARGET_ERROR
    assert set(found.calibration.elsewhere) == set(LEVELS)


def test_gradients_tell_the_direction_of_an_edge_and_not_its_contrast() -> None:
    torch = pytest.importorskip("torch")
    import baseline_model as study

    ramp = torch.linspace(-1, 1, 64)
    across = ramp.expand(1, 3, 64, 64)
    down = across.transpose(2, 3)
    found = study.gradients(torch.cat([across, down, across * 0.9, torch.zeros(1, 3, 64, 64)]))
    assert found.shape == (4, (64 // study.CELL) ** 2 * study.ANGLES)
    cells = found.reshape(4, study.ANGLES, -1)
    assert cells[0].sum(1).argmax() != cells[1].sum(1).argmax()
    assert torch.allclose(found[0], found[2], atol=0.1)
    assert float(found[3].abs().max()) == 0


def drawn(*values: float) -> Drawn:
    return Drawn(Estimate(float(np.mean(values))), np.array(values), 10.0)


def test_shares_of_the_way_from_human_to_truth() -> None:
    import baseline_scores as study

    found = study.shares(
        {
            "human": [drawn(0.2, 0.2, 0.5)] * 2,
            "single": [drawn(0.2, 0.2, 0.4)] * 2,
            "seke": [drawn(0.5, 0.7, 0.4)] * 2,
            "truth": [drawn(0.6, 0.8, 0.4)] * 2,
        }
    )
    assert found["seke"]["none"] == 1  # of the last resample, where truth is no better than human labels
    assert found["seke"]["value"] == pytest.approx((1.6 - 0.9) / (1.8 - 0.9))
    assert 0.75 <= found["seke"]["low"] <= found["seke"]["high"] <= 5 / 6
    assert found["single"]["high"] == pytest.approx(0)


def test_pooled_seeds_count_every_answer() -> None:
    import baseline_scores as study

    truth = ["fear", "anger"] * 12
    people = [f"person {row // 2}" for row in range(24)]
    right = expression_sums(truth, truth, ["fear", "anger"], clusters=people)
    wrong = expression_sums(truth, truth[::-1], ["fear", "anger"], clusters=people)
    both = study.pooled([{"t": right}, {"t": wrong}])["t"]
    column = both.column("accuracy")
    assert both.values()[0, column] == pytest.approx((right.values()[0, column] + wrong.values()[0, column]) / 2)
