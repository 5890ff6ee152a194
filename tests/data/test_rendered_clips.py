"""`synth_dynamic`, small: rendered when it is first asked for, kept in the cache, and taken up again."""

from __future__ import annotations

from pathlib import Path

import pytest

import feab.data.rendered_clips
import feab.faces.moving.plans
from feab.clips.sampling import parse_sampling
from feab.clips.showing import shown
from feab.data import load_dataset, validate_dataset
from feab.errors import FeabError
from feab.faces.moving import FPS, FRAMES
from feab.faces.synth import SplitSpec


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def small(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One person a split, 64 px, and a cache of these tests' own."""
    splits = {name: SplitSpec(name, seed, 1) for seed, name in enumerate(("test", "train"), 11)}
    monkeypatch.setattr(feab.faces.moving.plans, "CLIP_SPLITS", splits)
    monkeypatch.setattr(feab.data.rendered_clips, "SIZE", 64)
    monkeypatch.setenv("FEAB_CACHE", str(cache))
    return cache / "synth_dynamic"


def test_it_is_rendered_once_into_the_cache(small: Path) -> None:
    seen: list[tuple[int, int]] = []
    data = load_dataset("synth_dynamic", on_progress=lambda *done: seen.append(done))
    assert seen[-1] == (96, 96)
    assert data.folder.parent == small
    assert (data.name, len(data), data.has_clips, list(data.media)) == ("synth_dynamic", 8, True, ["image", "frames"])
    assert (data.info.third_party, data.info.images_may_be_shared, data.info.licence) == ("allowed", True, "CC0-1.0")
    assert not data.info.splits["test"].pinned
    made = (data.folder / "test.parquet").stat().st_mtime_ns
    again = load_dataset("synth_dynamic", on_progress=lambda *_: pytest.fail("rendered again"))
    assert (again.folder / "test.parquet").stat().st_mtime_ns == made
    validate_dataset(data.folder)

    # A kill between the Parquet file and dataset.json: the split is put together again from what was finished.
    (data.folder / "dataset.json").unlink()
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch:
        patch.setattr("feab.faces.moving.store.clips_of", lambda *_, **__: pytest.fail("rendered again"))
        assert load_dataset("synth_dynamic").fingerprint == data.fingerprint


def test_its_samples_are_clips_that_know_their_peak() -> None:
    for sample in load_dataset("synth_dynamic"):
        assert len(sample.frames) == FRAMES
        assert sample.extra["fps"] == FPS
        apex = sample.extra.get("apex")
        assert (apex is None) == (sample.expression == "neutral")
        (peak,) = shown(sample, parse_sampling("apex:1")).pictures
        assert peak == sample.media == sample.frames[FRAMES // 2 if apex is None else apex]
        assert shown(sample, parse_sampling("rate:3")).times == pytest.approx(
            [1 / 6, 3 / 6, 5 / 6, 7 / 6, 9 / 6, 11 / 6]
        )


def test_another_renderer_makes_another_folder(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_dataset("synth_dynamic").folder
    monkeypatch.setattr(feab.data.rendered_clips, "VERSION", "other")
    assert load_dataset("synth_dynamic").folder != before


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(FeabError, match="synth_dynamic has no split 'dev'; known are test, train"):
        load_dataset("synth_dynamic", "dev")
    with pytest.raises(FeabError, match="no subset 'synth_mini'"):
        load_dataset("synth_dynamic", subset="synth_mini")
    with pytest.raises(FeabError, match=r"known names are .*synth_dynamic"):
        load_dataset("synth_dinamic")
