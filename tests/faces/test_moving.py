"""Clips of the head: when what is displayed, what distracts, and that old pictures stay as they are."""

from __future__ import annotations

import io
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from feab.data.places import embedded_folder
from feab.errors import FeabError
from feab.faces.moving import CLIP_SPLITS, FRAMES, clip_plans, clip_rows
from feab.faces.moving.plans import draw_course
from feab.faces.shards import renderer_fingerprint
from feab.faces.synth import CELLS, SPLITS, SplitSpec, split_identity
from feab.vocabulary import EXPRESSIONS

SPEC = SplitSpec("tiny", 7, 1)
SIZE = 64


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("partial")
    return folder, list(clip_rows(SPEC, folder, size=SIZE, workers=1))


def grey(frame: dict[str, Any]) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(frame["bytes"])).convert("L"), dtype=np.float64)


def test_the_renderer_of_the_shipped_faces_is_untouched() -> None:
    """Its fingerprint covers the code of still pictures alone; with the versions pinned, it is the shipped one."""
    info = json.loads((embedded_folder() / "dataset.json").read_text(encoding="utf-8"))
    made_by = info["source"].rpartition("renderer ")[2]
    if (np.__version__, __import__("PIL").__version__) != ("2.4.6", "12.3.0"):
        pytest.skip("the fingerprint also covers the versions of numpy and Pillow")
    assert renderer_fingerprint() == made_by


def test_a_course_rises_to_one_peak_and_comes_to_rest() -> None:
    for seed in range(300):
        course = draw_course(np.random.default_rng(seed))
        assert 0 <= course.onset < course.apex < course.offset < FRAMES
        assert len(course.shares) == FRAMES
        assert [frame for frame, share in enumerate(course.shares) if share == 1] == [course.apex]
        assert all(share == 0 for share in (*course.shares[: course.onset + 1], *course.shares[course.offset :]))
        assert all(a < b for a, b in pairwise(course.shares[course.onset : course.apex + 1]))
        assert all(a > b for a, b in pairwise(course.shares[course.apex : course.offset + 1]))


def test_every_person_shows_every_expression_and_distracts_in_all_of_them() -> None:
    spec = CLIP_SPLITS["test"]
    plans = [plan for index in range(spec.identities) for plan in clip_plans(spec, index)]
    assert len({plan.id for plan in plans}) == len(plans) == 288
    first = set()
    for index in range(spec.identities):
        mine = clip_plans(spec, index)
        assert {plan.plan.expression for plan in mine} == set(EXPRESSIONS)
        first.add(mine[0].plan.expression)
    assert len(first) > 4, "the order does not give the expression away"
    for plan in plans:
        neutral = plan.plan.expression == "neutral"
        assert (plan.course is None) == neutral
        assert plan.eyes_closed is None or plan.course is None or abs(plan.eyes_closed - plan.course.apex) > 1
        assert max(abs(plan.turning.at(frame)[0]) for frame in range(FRAMES)) > 0
    for neutral in (True, False):
        some = [plan.eyes_closed is not None for plan in plans if (plan.plan.expression == "neutral") == neutral]
        assert 0.5 < np.mean(some) < 0.9, "closed eyes tell nothing"
    assert clip_plans(spec, 3) == clip_plans(spec, 3)


def test_splits_are_whole_numbers_of_the_cells_and_share_nobody() -> None:
    assert {spec.identities % len(CELLS) for spec in CLIP_SPLITS.values()} == {0}
    seeds = [spec.seed for spec in (*CLIP_SPLITS.values(), *SPLITS.values())]
    assert len(set(seeds)) == len(seeds)
    people = [split_identity(spec, index).seed for spec in CLIP_SPLITS.values() for index in range(spec.identities)]
    people += [split_identity(spec, index).seed for spec in SPLITS.values() for index in range(spec.identities)]
    assert len(set(people)) == len(people)


def test_rows_say_what_the_frames_show(rendered: tuple[Path, list[dict[str, Any]]]) -> None:
    rows = rendered[1]
    assert [row["id"] for row in rows] == [f"tiny-0000-{k}" for k in range(8)]
    assert {row["expression"] for row in rows} == set(EXPRESSIONS)
    for row in rows:
        assert len(row["frames"]) == FRAMES
        assert {Image.open(io.BytesIO(frame["bytes"])).size for frame in row["frames"]} == {(SIZE, SIZE)}
        marks = [row[name] for name in ("onset", "apex", "offset")]
        if row["expression"] == "neutral":
            assert marks == [None, None, None]
        else:
            assert marks == sorted(marks)
        assert len({frame["bytes"] for frame in row["frames"]}) == FRAMES, "the head never stands still"


def test_the_face_is_furthest_from_rest_at_its_peak() -> None:
    """With head and eyes at rest: the only thing that moves is what is displayed."""
    from dataclasses import replace

    from feab.faces.head import Head
    from feab.faces.moving.film import film
    from feab.faces.moving.plans import Turning

    still = Turning((0, 0, 0), (1, 1, 1), (0, 0, 0))
    for planned in clip_plans(SPEC, 0)[:4]:
        if planned.course is None:
            continue
        calm = replace(planned, turning=still, eyes_closed=None)
        frames = [grey({"bytes": data}) for data in film(Head.load(), split_identity(SPEC, 0), calm, size=SIZE)]
        moved = [float(np.abs(frame - frames[0]).mean()) for frame in frames]
        course = planned.course
        assert int(np.argmax(moved)) == course.apex, planned.plan.expression
        assert moved[course.offset] == moved[course.onset] == 0


def test_finished_people_are_kept_and_give_the_same_rows(rendered: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, rows = rendered
    told: list[tuple[int, int]] = []
    again = list(clip_rows(SPEC, folder, size=SIZE, workers=1, on_progress=lambda *done: told.append(done)))
    assert again == rows
    assert told == [(96, 96)]
    assert not list(folder.rglob("*.half"))


def test_processes_give_the_same_rows_as_one(rendered: tuple[Path, list[dict[str, Any]]], tmp_path: Path) -> None:
    two = SplitSpec("tiny", 7, 2)
    rows = list(clip_rows(two, tmp_path, size=SIZE, workers=2))
    assert rows[:8] == rendered[1]
    assert len(rows) == 16


@pytest.mark.parametrize(("size", "workers"), [(63, 1), (1025, 1), (64, 0)])
def test_bad_requests_are_refused_before_any_work(tmp_path: Path, size: int, workers: int) -> None:
    with pytest.raises(FeabError):
        clip_rows(SPEC, tmp_path, size=size, workers=workers)
    assert not list(tmp_path.iterdir())
