"""Runs that weigh a closed set of answers: folder, resume, cache, scores, report, and what `feab validate` finds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import hostile
import pytest
from faces_folder import make_faces, make_script

import feab
from feab.errors import FeabError
from feab.models import ModelInfo
from feab.models.choices import around, chosen, weighs_lists
from feab.models.seeds import fraction
from feab.problems import Gather, Problem
from feab.records import Completion, Failure, Likelihood, Question, Scoring, Usage
from feab.runs.estimate import estimate
from feab.runs.identity import identity_sha256
from feab.runs.table import notes, scores_table
from feab.runs.validate import check_run
from feab.schemas import Identity


class Weigher:
    """Finds each option as likely as a number made of its name and the face says."""

    def __init__(self, scorings: tuple[Scoring, ...] = ("generate", "choices", "yes-no")) -> None:
        self.info = ModelInfo("weigher", "test", "1", scorings=scorings)
        self.name = self.info.name
        self.asked: list[Question] = []
        self.failing: set[str] = set()

    def generate(self, questions: Iterable[Question]) -> Iterator[Completion]:
        for question in questions:
            self.asked.append(question)
            if question.sample in self.failing:
                yield Completion(question, error=Failure("http_500", "not now"))
                continue
            if question.kind == "valence_arousal":
                yield Completion(question, ("valence: 0.1, arousal: 0.2",), ("stop",))
                continue
            weighed = around(question, "1, 12") if weighs_lists(question) else question
            found = [
                {
                    option.name: Likelihood(-9 * fraction(0, question.sample, closed.about, option.name), 1 + i)
                    for i, option in enumerate(closed.options)
                }
                for closed in weighed.closed
            ]
            yield replace(chosen(weighed, found, Usage(10, 0), 0.1), question=question)

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_faces(tmp_path_factory.mktemp("faces") / "made"))


@pytest.fixture(scope="module")
def good(faces: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return feab.run(Weigher(), data=faces, scoring="choices", out=tmp_path_factory.mktemp("good") / "run").path


@pytest.fixture
def run(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "run"))


def check(run: Path, faces: str) -> tuple[Problem, ...]:
    found = Gather(run, most=1000)
    check_run(run, found, data=faces)
    return found.problems


def lines(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "predictions.jsonl").read_text().splitlines()]


def test_every_line_of_a_closed_set_has_text_answer_probabilities_and_likelihoods(good: Path) -> None:
    found = {kind: [line for line in lines(good) if line["task"].endswith(kind)] for kind in ("expression", "units")}
    for line in found["expression"]:
        assert line["answer"] == line["text"] == max(line["probabilities"], key=line["probabilities"].get)
        assert sum(line["probabilities"].values()) == pytest.approx(1)
        assert line["likelihoods"].keys() == line["probabilities"].keys()
    for line in found["units"]:
        assert line["answer"] == [int(au) for au, p in line["probabilities"].items() if p >= 0.5]
        assert all({f"{au} yes", f"{au} no"} <= line["likelihoods"].keys() for au in line["probabilities"])
    assert len(found["expression"]) == 24
    assert all("likelihoods" not in line for line in lines(good) if line["task"].endswith("arousal"))


def test_scores_of_probabilities_stand_where_there_are_any(good: Path, faces: str) -> None:
    scores = feab.load_run(good).scores
    assert scores is not None
    of = {task.kind: task for task in scores.tasks.values()}
    assert {"brier", "ece", "ece_width"} <= of["expression"].metrics.keys()
    assert {"brier", "ece", "ece_width", "auroc", "auroc_au12"} <= of["action_units"].metrics.keys()
    assert not {"brier", "ece", "auroc"} & of["valence_arousal"].metrics.keys()
    detail = of["expression"].detail["calibration"]
    assert detail["n"] == 24 == sum(one["n"] for one in detail["bins"])
    assert set(detail["length_normalised"]) == {"accuracy", "brier", "ece", "ece_width"}
    assert "calibration" not in of["valence_arousal"].detail


def test_table_and_report_show_them(run: Path, faces: str) -> None:
    from rich.console import Console

    loaded = feab.load_run(run)
    assert loaded.scores is not None
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(scores_table(loaded.scores))
    text = console.export_text()
    assert "calibration" in text
    assert "ECE 0." in text
    assert any(line.startswith("ECE: ") for line in notes(loaded, loaded.scores))
    page = feab.report(loaded, faces).read_text(encoding="utf-8")
    assert "Are its probabilities true?" in page
    assert "Reliability of 24 probabilities" in page
    assert "if perfectly calibrated" in page
    assert "Ranking of faces" in page
    assert page.count("<h3>Other scores</h3>") == 2
    assert ">auroc" not in page


def test_a_report_without_the_faces_draws_it_from_scores_json(run: Path) -> None:
    page = feab.report(run).read_text(encoding="utf-8")
    assert "Reliability of 24 probabilities" in page


def test_generated_answers_have_none_of_it(faces: str, tmp_path: Path) -> None:
    run = feab.run(f"mock/{make_script(tmp_path)}", data=faces, out=tmp_path / "run")
    assert run.scores is not None
    assert all("ece" not in task.metrics for task in run.scores.tasks.values())
    assert "scoring" not in json.loads((run.path / "manifest.json").read_text())["identity"]
    assert all("likelihoods" not in line for line in lines(run.path))
    assert "Are its probabilities true?" not in feab.report(run, faces).read_text(encoding="utf-8")


def test_the_way_of_answering_is_part_of_what_a_run_is(good: Path, faces: str, tmp_path: Path) -> None:
    manifest = feab.load_run(good).manifest
    assert manifest.identity.scoring == "choices"
    plain = manifest.identity.model_copy(update={"scoring": "generate"})
    assert identity_sha256(plain) != manifest.identity_sha256 == identity_sha256(manifest.identity)
    assert Identity.model_validate(plain.model_dump(mode="json")) == plain
    with pytest.raises(FeabError, match=r"scoring: choices there, yes-no here"):
        feab.run(Weigher(), data=faces, scoring="yes-no", out=good)
    with pytest.raises(FeabError, match=r"scoring: choices there, generate here"):
        feab.run(Weigher(), data=faces, out=good)


def test_a_run_goes_on_where_it_ended(faces: str, tmp_path: Path) -> None:
    model = Weigher()
    model.failing = {"s01", "s02"} & {question.sample for question in model.asked} or {_samples(faces)[0]}
    first = feab.run(model, data=faces, scoring="yes-no", out=tmp_path / "run")
    assert not first.complete
    again = Weigher()
    second = feab.run(again, data=faces, scoring="yes-no", out=tmp_path / "run")
    assert second.complete
    assert {question.sample for question in again.asked} == model.failing
    assert check(tmp_path / "run", faces) == ()


def _samples(faces: str) -> list[str]:
    return list(feab.load_dataset(faces).ids)


def test_known_answers_come_out_of_the_cache_whole(faces: str, tmp_path: Path) -> None:
    first, second, other = Weigher(), Weigher(), Weigher()
    one = feab.run(first, data=faces, scoring="yes-no", cache=tmp_path / "cache", out=tmp_path / "1")
    two = feab.run(second, data=faces, scoring="yes-no", cache=tmp_path / "cache", out=tmp_path / "2")
    assert len(first.asked) == 84
    assert second.asked == []
    for mine, theirs in zip(one.predictions(), two.predictions(), strict=True):
        assert mine.probabilities == theirs.probabilities
        assert mine.likelihoods == theirs.likelihoods
    feab.run(other, data=faces, scoring="choices", cache=tmp_path / "cache", out=tmp_path / "3")
    # Labels are asked the same either way, but an answer is kept for the way it was asked.
    assert len(other.asked) == 84


@pytest.mark.parametrize(
    ("scorings", "scoring", "tasks", "says"),
    [
        (("generate",), "choices", None, "does not show how likely"),
        (("generate",), "yes-no", "synth_expression", "does not show how likely"),
        (("generate", "yes-no"), "choices", None, "--scoring yes-no"),
        (("generate", "yes-no"), "choices", "synth_expression", None),
        (("generate", "choices", "yes-no"), "choices", "synth_valence_arousal", "no closed set"),
        (("generate",), "best", None, "must be generate or choices or yes-no"),
    ],
)
def test_what_cannot_be_is_refused_before_the_first_question(
    scorings: Any, scoring: Any, tasks: str | None, says: str | None, faces: str, tmp_path: Path
) -> None:
    model = Weigher(scorings)
    if says is None:
        assert feab.run(model, tasks, data=faces, scoring=scoring, out=tmp_path / "run").complete
        return
    with pytest.raises(FeabError, match=says):
        feab.run(model, tasks, data=faces, scoring=scoring, out=tmp_path / "run")
    assert model.asked == []


def test_nothing_is_drawn(faces: str, tmp_path: Path) -> None:
    with pytest.raises(FeabError, match="nothing is drawn"):
        feab.run(Weigher(), data=faces, scoring="choices", draws=3, out=tmp_path / "run")


def test_prompts_that_ask_for_reasoning_are_left_out_or_refused(faces: str, tmp_path: Path) -> None:
    run = feab.run(Weigher(), "synth_expression", data=faces, prompts="all", scoring="choices", out=tmp_path / "run")
    assert run.manifest.identity.prompts == ["direct", "json", "definitions", "shuffled"]
    with pytest.raises(FeabError, match="asks for reasoning first"):
        feab.run(Weigher(), "synth_expression", data=faces, prompts="reason", scoring="choices", out=tmp_path / "r")


def test_an_estimate_counts_each_unit_that_is_asked_for(faces: str) -> None:
    name = "baseline/uniform"
    plain, single = (estimate(name, "synth_action_units", data=faces, scoring=how) for how in ("generate", "yes-no"))
    assert plain.questions == plain.images == plain.answers == 30
    assert single.questions == single.images == 17 * 30
    assert single.answers == 30
    assert single.output_tokens == 17 * 30
    labels = estimate(name, "synth_expression", data=faces, scoring="choices")
    assert labels.questions == labels.output_tokens == 24


FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("an answer that is not the likeliest", {"answer": "fear", "text": "fear"}, "answer: is fear, which is not what"),
    ("a label without a probability", {"probabilities": {"fear": 1.0}}, "probabilities: lack"),
    ("a sum below one", {"probabilities": dict.fromkeys(("neutral", "fear"), 0.25)}, "sum to 0.5, less than 1"),
    ("a sum above one", {"probabilities": dict.fromkeys(("neutral", "fear"), 0.75)}, "sum to 1.5, more than 1"),
    ("a label that is unknown", {"probabilities": {"boredom": 1.0}}, "'boredom' is not among"),
    ("no likelihoods", {"likelihoods": None}, "do not follow from the likelihoods"),
    ("a likelihood above one", {"likelihoods": {"fear": {"logprob": 1.0, "tokens": 1}}}, "likelihoods.fear.logprob"),
    ("a likelihood of no tokens", {"likelihoods": {"fear": {"logprob": -1.0, "tokens": 0}}}, "likelihoods.fear.tokens"),
]


@pytest.mark.parametrize(("change", "says"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_a_changed_line_is_told(change: dict[str, Any], says: str, run: Path, faces: str) -> None:
    assert check(run, faces) == ()
    (place, line) = next(
        (i, one)
        for i, one in enumerate(lines(run), start=1)
        if one["task"].endswith("expression") and one["answer"] not in ("fear", "neutral")
    )
    assert line["likelihoods"]
    hostile.change_line(run, place, **change)
    assert any(says in f"{problem.where}: {problem.message}" and problem.line == place for problem in check(run, faces))


def test_a_unit_named_against_its_probability_is_told(run: Path, faces: str) -> None:
    place, line = next(
        (i, one) for i, one in enumerate(lines(run), start=1) if one["task"].endswith("units") and one["answer"]
    )
    fewer = line["answer"][1:]
    hostile.change_line(run, place, answer=fewer, text=", ".join(map(str, fewer)) or "none")
    assert any("which is not what its probabilities make" in problem.message for problem in check(run, faces))


def test_likelihoods_are_of_no_generated_run(faces: str, tmp_path: Path) -> None:
    run = feab.run(f"mock/{make_script(tmp_path)}", data=faces, out=tmp_path / "run").path
    hostile.change_line(run, 1, likelihoods={"fear": {"logprob": -1.0, "tokens": 1}})
    assert any("are of a run that generated" in problem.message for problem in check(run, faces))
