"""Clips from the dataset to the scores: which frames are sent, what names the run, and who is refused."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from faces_folder import make_script, picture
from PIL import Image as Pillow

import feab
from feab.data import write_split
from feab.errors import FeabError
from feab.models import load_model
from feab.models.images import pictures_of
from feab.models.mock import MockModel
from feab.records import Completion, Question
from feab.runs import estimate, load_run, plan, score
from feab.runs.parts import check_pictures
from feab.schemas import DatasetInfo
from feab.vocabulary import EXPRESSIONS

sys.path.insert(0, str(Path(__file__).parent.parent / "models"))

INFO = DatasetInfo(
    name="moving", version="1", splits={}, licence="ours", images_may_be_shared=True, third_party="allowed",
    labels=list(EXPRESSIONS),
)  # fmt: skip
PER_CLASS = 5


def rows(**other: Any) -> Iterator[dict[str, Any]]:
    for number in range(PER_CLASS * len(EXPRESSIONS)):
        frames = [picture(100 * number + frame) for frame in range(12)]
        yield {
            "id": f"c{number:03d}", "subject": f"s{number // 2}", "expression": EXPRESSIONS[number % len(EXPRESSIONS)],
            "frames": frames, "apex": 4, "onset": 1, "offset": 9, **other,
        }  # fmt: skip


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("moving")
    write_split(folder, "test", rows(), INFO)
    return folder


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return make_script(tmp_path)


class Watched(MockModel):
    """Writes down what it is asked."""

    asked: list[Question]

    def generate(self, questions: Iterable[Question]) -> Iterator[Completion]:
        self.asked = []
        for completion in super().generate(questions):
            self.asked.append(completion.question)
            yield completion


def watched(script: Path) -> Watched:
    model = load_model(f"mock/{script}")
    model.__class__ = Watched
    assert isinstance(model, Watched)
    return model


def test_every_clip_is_one_question_with_the_frames_of_the_task(clips: Path, script: Path, tmp_path: Path) -> None:
    model = watched(script)
    run = feab.run(model, "synth_dynamic", data=clips, out=tmp_path / "run")
    assert run.scores is not None
    found = run.scores.tasks["synth_dynamic_expression"]
    assert found.n == len(model.asked) == 40
    assert found.primary == "macro_f1"
    assert {"accuracy", "uar", "macro_f1"} <= set(found.metrics)
    stored = {row["id"]: row["frames"] for row in rows()}
    for question in model.asked:
        sent = [media.read() for media in pictures_of(question)]
        assert sent == [stored[question.sample][n] for n in (0, 2, 3, 5, 6, 8, 9, 11)]
        assert len(question.times) == 8
    identity = run.manifest.identity.tasks["synth_dynamic_expression"]
    assert identity.frames == "uniform:8"


def test_frames_can_be_chosen_and_name_the_run(clips: Path, script: Path, tmp_path: Path) -> None:
    model = watched(script)
    folders = {}
    for words, numbers in {"uniform:1": (6,), "apex:2": (1, 4), "uniform:4": (1, 4, 7, 10)}.items():
        run = feab.run(model, "synth_dynamic", data=clips, frames=words, out=tmp_path / words.replace(":", "-"))
        assert run.manifest.identity.tasks["synth_dynamic_expression"].frames == words
        stored = {row["id"]: row["frames"] for row in rows()}
        assert all([m.read() for m in pictures_of(q)] == [stored[q.sample][n] for n in numbers] for q in model.asked)
        folders[words] = run
        assert score(load_run(run.path), clips) == run.scores, "it can be scored again, frames and all"
    from feab.runs.identity import identity_sha256

    assert len({identity_sha256(run.manifest.identity) for run in folders.values()}) == 3
    with pytest.raises(FeabError, match="frames"):
        feab.run(model, "synth_dynamic", data=clips, frames="uniform:5", out=tmp_path / "apex-2")


def test_a_run_about_pictures_is_named_as_before_there_were_clips() -> None:
    """The identity of old runs must not change, or they could not be resumed."""
    (part, *_) = plan("synth_expression", data="synth_mini")
    identity = part.task.identity("direct")
    assert set(identity.model_dump(mode="json")) == {"version", "kind", "dataset", "split", "prompts", "sha256"}
    assert identity.model_dump(mode="json") == json.loads(identity.model_dump_json())


def test_tasks_are_made_for_clips_of_ones_own(clips: Path, script: Path, tmp_path: Path) -> None:
    model = watched(script)
    run = feab.run(model, data=clips, out=tmp_path / "run")
    ((name, identity),) = run.manifest.identity.tasks.items()
    assert (name, identity.frames) == ("moving_expression", "uniform:8")
    assert "short clip" in str(model.asked[0].messages)
    assert score(load_run(run.path), clips) == run.scores


def test_a_task_about_pictures_shows_eight_frames_of_clips(clips: Path) -> None:
    (part,) = plan("synth_expression", data=clips)
    assert str(part.task.frames) == "uniform:8"
    (part,) = plan("synth_expression", data=clips, frames="apex:1")
    assert str(part.task.frames) == "apex:1"


@pytest.mark.parametrize(
    ("words", "said"),
    [("rate:2", "no column 'fps'; choose uniform:N"), ("often", "write uniform:N, apex:N"), ("apex:0", "1 to 128")],
)
def test_what_cannot_be_chosen_is_refused_before_the_first_question(clips: Path, words: str, said: str) -> None:
    with pytest.raises(FeabError, match=said):
        plan("synth_dynamic", data=clips, frames=words)


def test_frames_of_what_is_no_clip_cannot_be_chosen(tmp_path: Path) -> None:
    with pytest.raises(FeabError, match="holds pictures, not clips"):
        plan("synth_expression", data="synth_mini", frames="uniform:4")
    unknown = ({**row, "apex": None} for row in rows())
    write_split(tmp_path, "test", unknown, INFO, extra=dict.fromkeys(("onset", "apex", "offset"), "integer"))
    plan("synth_dynamic", data=tmp_path, frames="apex:1")  # known to be unknown: the middle stands for it


def test_a_model_of_one_picture_is_refused_and_told_what_to_do(clips: Path, script: Path, tmp_path: Path) -> None:
    model = watched(script)
    model.info = replace(model.info, most_pictures=1)
    with pytest.raises(FeabError, match=r"1 picture at a time, and .* shows 8 frames .* --frames uniform:1"):
        feab.run(model, "synth_dynamic", data=clips, out=tmp_path / "run")
    assert not hasattr(model, "asked")
    feab.run(model, "synth_dynamic", data=clips, frames="uniform:1", out=tmp_path / "run")
    assert {len(pictures_of(question)) for question in model.asked} == {1}
    check_pictures(model.info, plan("synth_expression", data="synth_mini"))


def test_an_estimate_counts_the_frames(clips: Path, script: Path) -> None:
    assert estimate(f"mock/{script}", "synth_dynamic", data=clips).images == 40 * 8
    assert estimate(f"mock/{script}", "synth_dynamic", data=clips, frames="apex:3").images == 40 * 3
    assert estimate(f"mock/{script}", "synth_expression", data="synth_mini").images == 288


def test_cached_answers_are_of_these_frames_only(clips: Path, script: Path, tmp_path: Path) -> None:
    def hits(words: str, out: str) -> int:
        run = feab.run(
            f"mock/{script}", "synth_dynamic", data=clips, frames=words, out=tmp_path / out, cache=tmp_path / "cache"
        )
        found = run.manifest.machine["model"]["cache"]["hits"]
        assert isinstance(found, int)
        return found

    assert hits("uniform:4", "one") == 0
    assert hits("uniform:4", "two") == 40
    assert hits("uniform:3", "three") == 0


def test_a_broken_clip_costs_its_own_question(script: Path, tmp_path: Path) -> None:
    pytest.importorskip("av")
    pytest.importorskip("torch")
    from tiny_vlm import build_idefics3

    stored = [{"id": f"v{n}", "expression": EXPRESSIONS[n % 8], "clip": b"no video"} for n in range(2)]
    stored += [row for row, _ in zip(rows(), range(3), strict=False)]
    write_split(tmp_path / "set", "test", stored, INFO)
    run = feab.run(f"hf/{build_idefics3(tmp_path / 'tiny')}", "synth_dynamic", data=tmp_path / "set",
                   frames="uniform:2", out=tmp_path / "run", max_new_tokens=3)  # fmt: skip
    assert not run.complete
    lines = {line.sample: line for line in run.predictions()}
    assert {name for name, line in lines.items() if line.error is not None} == {"v0", "v1"}
    error = lines["v0"].error
    assert error is not None
    assert (error.kind, "the clip cannot be read as a video" in error.message) == ("image", True)


def test_a_video_is_decoded_once_for_all_tasks_about_it(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("av")
    sys.path.insert(0, str(Path(__file__).parent.parent / "clips"))
    from filming import encoded, greys

    from feab.clips import showing
    from feab.models.images import pictures_of
    from feab.records import Sampling
    from feab.runs.parts import questions_of

    decoded: list[object] = []
    whole = showing.pictures
    monkeypatch.setattr(showing, "pictures", lambda *given: decoded.append(given[1]) or whole(*given))
    video = encoded(greys(12))
    stored = [
        {"id": f"v{n}", "expression": EXPRESSIONS[n % 8], "valence": 0.0, "arousal": 0.0, "clip": video}
        for n in range(8)
    ]
    write_split(tmp_path, "test", stored, INFO)
    tasks = ("synth_dynamic", "synth_expression", "synth_valence_arousal")
    questions = list(questions_of(plan(tasks, data=tmp_path, prompts="direct,json"), Sampling()))
    assert len(questions) == 8 * 3 * 2
    sent = {question.sample: [media.read() for media in pictures_of(question)] for question in questions}
    assert len(sent) == len(decoded) == 8
    other = list(questions_of(plan(tasks, data=tmp_path, frames="uniform:2"), Sampling()))
    assert all([media.read() for media in pictures_of(question)] != sent[question.sample] for question in other)


@pytest.mark.parametrize("frames_as", ["images", "video"])
def test_rendered_clips_from_the_head_to_the_scores(
    frames_as: str, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few clips of `synth_dynamic`, as they are and encoded as videos, read by a real (random) Qwen2.5-VL."""
    pytest.importorskip("av")
    pytest.importorskip("torch")
    sys.path.insert(0, str(Path(__file__).parent.parent / "clips"))
    import numpy as np
    from filming import encoded
    from tiny_families import build_qwen

    import feab.data.rendered_clips
    import feab.faces.moving.plans
    from feab.faces.synth import SplitSpec

    shared = tmp_path_factory.getbasetemp() / "rendered-clips"  # rendered once for both
    monkeypatch.setenv("FEAB_CACHE", str(shared))
    monkeypatch.setattr(feab.faces.moving.plans, "CLIP_SPLITS", {"test": SplitSpec("test", 11, 1)})
    monkeypatch.setattr(feab.data.rendered_clips, "SIZE", 64)
    tmp_path.joinpath("qwen").mkdir()
    name = f"hf/{build_qwen(tmp_path / 'qwen')}"
    given = {"frames": "uniform:4", "frames_as": frames_as, "max_new_tokens": 4}
    run = feab.run(name, "synth_dynamic", limit=4, out=tmp_path / "run", **given)
    assert run.complete
    assert len(list(run.predictions())) == 4
    args = run.manifest.identity.adapter_args
    assert args.get("frames_as", "images") == frames_as

    def video(sample: Any) -> bytes:
        return encoded([np.asarray(Pillow.open(io.BytesIO(m.read()))) for m in sample.frames], fps=6, codec="mpeg4")

    samples = feab.load_dataset("synth_dynamic")
    filmed = [{"id": s.id, "expression": s.expression, "clip": video(s)} for s in samples]
    write_split(tmp_path / "filmed", "test", filmed, INFO)
    run = feab.run(name, "synth_dynamic", data=tmp_path / "filmed", limit=4, out=tmp_path / "filmed-run", **given)
    assert run.complete
    assert run.manifest.identity.tasks["synth_dynamic_expression"].frames == "uniform:4"
