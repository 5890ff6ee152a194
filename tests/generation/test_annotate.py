"""Annotating end to end: human labels stay, answers add up, order does not matter, nothing is asked twice."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from annotating import Says, Watched, failing, load_dataset, quick, told, without, write_faces

from feab.data import Dataset
from feab.data.annotations import read_annotations
from feab.errors import FeabError
from feab.generation.annotate import annotate
from feab.generation.error_model import fit_error_model
from feab.generation.human import human_labels
from feab.generation.prepare import prepare
from feab.generation.store import load_annotations
from feab.journal import read_predictions
from feab.runs import Interrupted, OverBudget, Stopped

PEOPLE = 5
FILES = ["annotations.jsonl", "conflicts.jsonl", "draws.jsonl", "error_model.json", "manifest.json"]


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    made = write_faces(tmp_path_factory.mktemp("seke") / "made", PEOPLE)
    return load_dataset(str(made))


@pytest.fixture(scope="module")
def undisturbed(faces: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Annotated at one go, given the expression."""
    out = tmp_path_factory.mktemp("seke") / "undisturbed"
    assert annotate(told(faces), faces, quick(), out=out, given=["expression"]).complete
    return out


def draws(out: Path) -> dict[Any, str | None]:
    return {prediction.key: prediction.text for prediction in read_predictions(out / "draws.jsonl")}


def annotations(out: Path) -> list[dict[str, Any]]:
    return [line.model_dump(mode="json") for line in read_annotations(out / "annotations.jsonl")]


def test_a_folder_whose_counts_add_up(faces: Dataset, undisturbed: Path) -> None:
    assert sorted(path.name for path in undisturbed.iterdir()) == FILES
    done = load_annotations(undisturbed)
    manifest, counts = done.manifest, done.manifest.counts
    assert manifest.complete
    assert list(json.loads((undisturbed / "manifest.json").read_text()))[:2] == ["schema", "identity"]
    assert manifest.dataset.name == "made"
    assert manifest.dataset.fingerprint == faces.fingerprint
    assert manifest.dataset.folder == str(faces.folder.resolve())
    lines, keys = annotations(undisturbed), draws(undisturbed)
    assert counts.decided == counts.faces == len(lines)
    assert counts.calibrating == counts.calibrated
    assert counts.calibrating + counts.faces == len(faces) == 8 * PEOPLE
    assert (
        manifest.expected
        == len(keys)
        == manifest.outcomes.ok + manifest.outcomes.unparsable + manifest.outcomes.refused
    )
    annotated = {line["sample"] for line in lines}
    of_annotated = Counter(key[2][0] for key in keys if key[1] in annotated)
    assert of_annotated == Counter({"c": counts.draws, "v": counts.checks})
    for level, found in counts.levels.items():
        sources = Counter(line[level]["source"] for line in lines if line[level])
        assert sources == Counter({"human": found.human, "generated": found.generated, "rejected": found.rejected})
    assert [line["sample"] for line in lines] == [sample for sample in faces.ids if sample in annotated]


def test_what_is_accepted_is_right_and_human_labels_stay(faces: Dataset, undisturbed: Path) -> None:
    labels, row_of = human_labels(faces), {sample: row for row, sample in enumerate(faces.ids)}
    lines = annotations(undisturbed)
    right = []
    for line in lines:
        row = row_of[line["sample"]]
        assert line["expression"]["source"] == "human"
        assert line["expression"]["value"] == labels.expression[row]
        assert line["expression"]["confidence"] is None
        if line["action_units"]["source"] == "generated":
            said = set(line["action_units"]["value"])
            right += [(au in said) == present for au, present in labels.coded(row).items()]
            assert line["action_units"]["confidence"] > 0.5
            assert line["action_units"]["samples"] >= 1
    assert len(right) > 17 * 5
    assert sum(right) / len(right) > 0.95


@pytest.mark.parametrize("how", [{"gathers": 7}, {"gathers": 10_000}, {"one_by_one": True, "gathers": 3}])
def test_neither_order_nor_batches_change_what_is_decided(
    faces: Dataset, undisturbed: Path, tmp_path: Path, how: dict[str, Any]
) -> None:
    """An adapter may gather all there is before it answers anything: the stream ends instead of waiting."""
    watched = Watched(told(faces), **how)
    assert annotate(watched, faces, quick(), out=tmp_path / "other", given=["expression"]).complete
    assert max(watched.asked.values()) == 1
    assert draws(tmp_path / "other") == draws(undisturbed)
    assert annotations(tmp_path / "other") == annotations(undisturbed)
    if how["gathers"] == 7:
        assert watched.streams < 15  # the tail only, not a wave a round


def test_interrupted_again_and_again_it_asks_nothing_twice(faces: Dataset, undisturbed: Path, tmp_path: Path) -> None:
    asked: Counter[Any] = Counter()
    out, kept = tmp_path / "resumed", 0

    def pressed(number: int, completion: Any) -> Any:
        if number > 40:
            raise KeyboardInterrupt
        return completion

    for _ in range(20):
        watched = Watched(told(faces), pressed, gathers=3)
        try:
            done = annotate(watched, faces, quick(), out=out, given=["expression"])
        except Interrupted as interrupt:
            done = interrupt.run
            assert not done.manifest.complete
            assert done.manifest.counts.decided == len(annotations(out)) >= kept
            kept = done.manifest.counts.decided
        there = draws(out)
        asked.update(key for key in watched.asked if key in there)
        if done.manifest.complete:
            break
    assert done.manifest.complete
    assert draws(out) == draws(undisturbed)
    assert annotations(out) == annotations(undisturbed)
    again = Watched(told(faces))
    assert annotate(again, faces, quick(), out=out, given=["expression"]).complete
    assert not again.asked


def test_why_an_answer_ended_is_kept(faces: Dataset, tmp_path: Path) -> None:
    """So that an answer that was cut off, though something of it could be read, can be told apart later."""

    def cut_off(number: int, completion: Any) -> Any:
        reasons = ("length",) * len(completion.texts) if number % 3 == 0 else completion.finish_reasons
        return replace(completion, finish_reasons=reasons)

    watched = Watched(told(faces), cut_off)
    assert annotate(watched, faces, quick(), out=tmp_path / "out", given=["expression"]).complete
    lines = list(read_predictions(tmp_path / "out" / "draws.jsonl"))
    ended = Counter((line.finish_reason, line.outcome.value) for line in lines)
    assert ended["length", "ok"] > 0
    assert ended["stop", "ok"] > 0
    assert {reason for reason, _ in ended} == {"length", "stop"}


def test_draws_of_before_that_do_not_say_why_they_ended_are_read(
    faces: Dataset, undisturbed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "before"
    out.mkdir()
    (out / "manifest.json").write_bytes((undisturbed / "manifest.json").read_bytes())
    lines = [json.loads(line) for line in (undisturbed / "draws.jsonl").read_text().splitlines()]
    assert all(line.pop("finish_reason") == "stop" for line in lines)
    before = "".join(json.dumps(line) + "\n" for line in lines)
    (out / "draws.jsonl").write_text(before)
    watched = Watched(told(faces))
    assert annotate(watched, faces, quick(), out=out, given=["expression"]).complete
    assert not watched.asked
    assert annotations(out) == annotations(undisturbed)
    assert (out / "draws.jsonl").read_text() == before  # and not written anew


def test_errors_leave_it_incomplete_and_are_asked_again(faces: Dataset, undisturbed: Path, tmp_path: Path) -> None:
    def some(number: int, completion: Any) -> Any:
        return failing(completion) if completion.question.sample.endswith("3") else completion

    out = tmp_path / "failing"
    done = annotate(Watched(told(faces), some), faces, quick(), out=out, given=["expression"])
    failed = done.manifest.outcomes.error
    assert not done.complete
    assert failed > 0
    assert 0 < done.manifest.counts.decided < done.manifest.counts.faces
    assert done.manifest.counts.decided == len(annotations(out))
    watched = Watched(told(faces))
    assert annotate(watched, faces, quick(), out=out, given=["expression"]).complete
    assert annotations(out) == annotations(undisturbed)

    def all_fail(number: int, completion: Any) -> Any:
        return failing(completion, "shape")

    with pytest.raises(Stopped):
        annotate(Watched(told(faces), all_fail), faces, quick(), out=tmp_path / "stopped", given=["expression"])
    assert annotations(tmp_path / "stopped") == []


def test_levels_that_nobody_labelled_are_rejected_and_the_reason_is_told(tmp_path: Path) -> None:
    folder = write_faces(tmp_path / "words", 6, without("au", "valence", "arousal"))
    faces, all_told = load_dataset(str(folder)), load_dataset(str(write_faces(tmp_path / "all", 6)))
    watched = Watched(told(all_told))
    done = annotate(watched, faces, quick(), out=tmp_path / "out")
    assert done.complete
    lines = annotations(tmp_path / "out")
    assert {line["valence_arousal"]["source"] for line in lines} == {"rejected"}
    assert {line["action_units"]["source"] for line in lines} == {"rejected"}
    units = done.manifest.counts.levels["action_units"]
    assert units.labelled == 0
    assert units.calibrated is False
    # Sixty faces, pilot only: asking on could not make anything of it acceptable.
    uncertain = [question for question in watched.questions if question.sample in {line["sample"] for line in lines}]
    assert {question.prompt for question in uncertain} == {"c0", "c1"}


def test_labels_from_elsewhere_calibrate(tmp_path: Path) -> None:
    words = write_faces(tmp_path / "words", 6, without("au", "valence", "arousal"))
    coded = write_faces(tmp_path / "coded", 6, without("expression", "valence", "arousal"))
    everything = load_dataset(str(write_faces(tmp_path / "all", 6)))
    elsewhere = {"elsewhere": {"action_units": {"data": str(coded), "split": "test"}}, "faces": 20}
    done = annotate(told(everything), str(words), quick(calibration=elsewhere), out=tmp_path / "out")
    counts = done.manifest.counts
    assert counts.levels["action_units"].labelled == 20
    assert counts.levels["action_units"].calibrated
    assert counts.levels["valence_arousal"].labelled == 0
    tasks = {prediction.task for prediction in read_predictions(tmp_path / "out" / "draws.jsonl")}
    assert tasks == {"seke", "seke made test"}


def test_conflicts_of_human_labels_with_knowledge_are_listed_and_kept(tmp_path: Path) -> None:
    def odd(row: dict[str, Any]) -> dict[str, Any]:
        smiling = {name: float(name[2:4] in ("06", "12", "25")) for name in row if name.endswith("_presence")}
        return {**without("valence", "arousal")(row), **(smiling if row["expression"] == "sadness" else {})}

    folder = write_faces(tmp_path / "odd", 4, odd)
    done = annotate(Says(lambda question, draw: "no idea"), str(folder), quick(), out=tmp_path / "out")
    listed = [json.loads(line) for line in (tmp_path / "out" / "conflicts.jsonl").read_text().splitlines()]
    assert done.manifest.counts.conflicts == len(listed) > 0
    assert {one["label"] for one in listed} >= {"expression"}
    assert all(0 <= one["probability"] < 0.01 for one in listed)
    kept = {line["sample"]: line["expression"]["value"] for line in annotations(tmp_path / "out")}
    assert all(
        kept[one["sample"]] == "sadness" for one in listed if one["label"] == "expression" and one["sample"] in kept
    )


def test_what_would_change_the_annotations_needs_another_folder(faces: Dataset, undisturbed: Path) -> None:
    with pytest.raises(FeabError, match=r"(?s)holds another run.*recipe.seed: 0 there, 1 here"):
        annotate(told(faces), faces, quick(seed=1), out=undisturbed, given=["expression"])
    with pytest.raises(FeabError, match=r"given"):
        annotate(told(faces), faces, quick(), out=undisturbed, given=["action_units"])
    with pytest.raises(FeabError, match=r"limit: null there, 3 here"):
        annotate(told(faces), faces, quick(), out=undisturbed, given=["expression"], limit=3)


def test_what_a_kill_at_the_start_leaves_is_no_other_run(faces: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in ("draws.jsonl", "manifest.json.new", "draws.jsonl.repair"):
        (out / name).touch()
    few = quick(calibration={"faces": 0, "per_expression": 0})
    assert annotate(told(faces), faces, few, out=out, given=["expression"], limit=1).complete
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("years of work")
    with pytest.raises(FeabError, match=r"holds other files \(thesis\.tex"):
        annotate(told(faces), faces, few, out=tmp_path / "full", given=["expression"])


def test_faces_leave_the_machine_only_with_permission(tmp_path: Path) -> None:
    from faces_folder import make_faces

    asking = load_dataset(str(make_faces(tmp_path / "ask", 4, third_party="ask")))
    away = {"local": False, "endpoint": "https://api.example.com/v1"}
    model = Watched(told(asking), info=away)
    with pytest.raises(FeabError, match="asks for permission"):
        annotate(model, asking, quick(), out=tmp_path / "out", given=["expression"], limit=2)
    assert not model.asked
    done = annotate(
        model, asking, quick(), out=tmp_path / "out", given=["expression"], limit=2, permission="mail, 1 May"
    )
    assert done.manifest.permission == "mail, 1 May"


def test_a_model_that_cannot_say_what_is_missing_is_refused(faces: Dataset, tmp_path: Path) -> None:
    model = Watched(told(faces), info={"kinds": ("expression",)})
    with pytest.raises(FeabError, match="cannot say valence arousal and action units"):
        annotate(model, faces, quick(), out=tmp_path / "out", given=["expression"])


def test_a_limit_of_cost_ends_it_in_time(faces: Dataset, tmp_path: Path) -> None:
    card, script = tmp_path / "priced.yaml", tmp_path / "script.yaml"
    script.write_text("""[{text: '{"valence": 0.1, "arousal": 0.2, "action_units": [1]}'}]""")
    card.write_text(
        f"name: priced\nadapter: mock/{script}\naccess: closed\nlicence: none\nintended_use: a test\n"
        "price: {input: 100, output: 100}\nimage_tokens: 10\n"
    )
    with pytest.raises(OverBudget) as ended:
        annotate(str(card), faces, quick(), out=tmp_path / "out", given=["expression"], max_cost=2.0)
    manifest = ended.value.run.manifest
    assert 0 < (manifest.cost_usd or 0) <= 2.0


def test_pilots_are_asked_while_an_error_model_is_fitted(
    faces: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fit waits here until every pilot is asked: were the stream to wait for it, neither would end."""
    asked = threading.Event()

    def patient(*given: Any, **how: Any) -> Any:
        assert asked.wait(60)
        return fit_error_model([], [], given[2], [], given[4])

    monkeypatch.setattr("feab.generation.judging.fit_error_model", patient)
    chosen = prepare(faces, quick(), given=["expression"]).chosen.asked()

    def counted(number: int, completion: Any) -> Any:
        if number == len(chosen) * 4:
            asked.set()
        return completion

    assert annotate(Watched(told(faces), counted), faces, quick(), out=tmp_path / "out", given=["expression"]).complete


def test_a_fit_that_fails_ends_annotating_with_its_words(
    faces: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def impossible(*given: Any, **how: Any) -> Any:
        raise FeabError("the labels cannot be")

    monkeypatch.setattr("feab.generation.judging.fit_error_model", impossible)
    with pytest.raises(FeabError, match="the labels cannot be"):
        annotate(told(faces), faces, quick(), out=tmp_path / "out", given=["expression"])
    assert load_annotations(tmp_path / "out").manifest.outcomes.ok > 0


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_part_of_the_answers_is_left_the_rest_is_asked_again(
    faces: Dataset, undisturbed: Path, tmp_path: Path, seed: int
) -> None:
    """Lines lost anywhere, a half line at the end, rubbish between: as after a disk that was full."""
    out, draw = tmp_path / "left", random.Random(seed)
    out.mkdir()
    (out / "manifest.json").write_bytes((undisturbed / "manifest.json").read_bytes())
    lines = (undisturbed / "draws.jsonl").read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if draw.random() < (0.3, 0.9)[seed % 2]]
    kept.insert(len(kept) // 2, b"\x00rubbish\n")
    (out / "draws.jsonl").write_bytes(b"".join(kept) + lines[0][:40])
    watched = Watched(told(faces), gathers=5)
    assert annotate(watched, faces, quick(), out=out, given=["expression"]).complete
    assert sum(watched.asked.values()) == len(lines) - len(kept) + 1
    assert draws(out) == draws(undisturbed)
    assert annotations(out) == annotations(undisturbed)
