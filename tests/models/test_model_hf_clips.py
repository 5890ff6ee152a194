"""Clips for checkpoints: as several images in one question, and as one video where the model takes videos."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from tiny_families import build_qwen
from tiny_vlm import ask, build_idefics3, by_key, jpeg

from feab.errors import FeabError
from feab.models import load_model
from feab.models.hf_video import metadata, stand_in
from feab.models.images import pictures_of
from feab.records import Image, Media, Message, Text

pytest.importorskip("torch")


def clip(number, frames=4, *, fps=6.0, size=(64, 64), still=False):
    """A question about a clip; the pictures are drawn from its number. `still`: each is the first."""
    question = ask(number)
    pictures = [Image(Media(data=jpeg(1000 * number + (0 if still else i), size))) for i in range(frames)]
    message = Message("user", (*pictures, Text(question.messages[0].parts[-1].text)))
    return replace(question, messages=(message,), times=tuple(i / fps for i in range(frames)))


@pytest.fixture(scope="module")
def qwen(tmp_path_factory):
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield build_qwen(tmp_path_factory.mktemp("qwen"))
    torch.set_num_threads(threads)


def opened(folder, **args):
    return load_model(f"hf/{folder}", **{"batch_size": 4, **args})


def test_frames_are_images_one_after_the_other_unless_told_otherwise(qwen):
    model = opened(qwen)
    fields = model._maker.prepare(clip(0)).fields
    assert fields["image_grid_thw"].tolist() == [[1, 8, 8]] * 4
    assert "pixel_values_videos" not in fields
    assert "frames_as" not in model.info.args_that_change_answers


def test_as_a_video_two_frames_share_their_patches(qwen):
    model = opened(qwen, frames_as="video")
    fields = model._maker.prepare(clip(0)).fields
    assert fields["video_grid_thw"].tolist() == [[2, 8, 8]]
    assert fields["second_per_grid_ts"].tolist() == pytest.approx([2 / 6])
    number = model._generator._model.config.video_token_id
    assert (fields["input_ids"] == number).sum() == 2 * 8 * 8 // 4
    assert model.info.args_that_change_answers["frames_as"] == "video"
    still = model._maker.prepare(ask(0)).fields
    assert "image_grid_thw" in still, "a picture remains a picture"


def test_answers_see_the_order_and_the_rate_of_a_video(qwen):
    model = opened(qwen, frames_as="video")
    asked = [clip(i, 6) for i in range(6)]
    backwards = []
    for question in asked:
        *pictures, text = question.messages[0].parts
        backwards.append(replace(question, messages=(Message("user", (*reversed(pictures), text)),)))
    slow = [replace(question, times=tuple(10 * time for time in question.times)) for question in asked]
    texts = [[c.texts for c in by_key(model.generate(one)).values()] for one in (asked, backwards, slow)]
    assert texts[0] != texts[1]
    assert texts[0] != texts[2]
    assert texts[0] == [c.texts for c in by_key(model.generate(asked)).values()]


@pytest.mark.parametrize("frames_as", ["images", "video"])
def test_clips_in_batches_are_answered_as_alone(qwen, frames_as):
    questions = [clip(i, frames) for i, frames in enumerate([4, 4, 2, 4, 3, 4, 2, 1] * 2)]
    alone = by_key(opened(qwen, frames_as=frames_as, batch_size=1).generate(questions))
    together = by_key(opened(qwen, frames_as=frames_as, batch_size=4).generate(questions))
    assert len(alone) == len(together) == len(questions)
    assert not any(completion.error for completion in [*alone.values(), *together.values()])
    assert sum(alone[key].texts != together[key].texts for key in alone) <= 1
    assert len({completion.texts for completion in alone.values()}) > 8


def test_prepared_clips_are_kept_apart_by_picture_order_and_time(qwen):
    maker = opened(qwen, frames_as="video")._maker
    fresh = [maker.prepare(question).fields for question in (clip(0), clip(1), clip(0, fps=3.0))]
    again = [maker.prepare(question).fields for question in (clip(0), clip(1), clip(0, fps=3.0))]
    for one, other in zip(fresh, again, strict=True):
        assert one.keys() == other.keys()
        assert all(bool((one[name] == other[name]).all()) for name in one)
    assert fresh[0]["second_per_grid_ts"] != fresh[2]["second_per_grid_ts"]


def test_a_small_picture_limit_holds_for_the_frames_of_a_video(qwen):
    few = opened(qwen, frames_as="video", max_pixels="1024")._maker.prepare(clip(0)).fields
    assert few["video_grid_thw"].tolist() == [[2, 4, 4]]


def test_a_clip_whose_frames_differ_in_size_is_an_error_of_its_own(qwen):
    model = opened(qwen, frames_as="video")
    bad = clip(1)
    *_, text = bad.messages[0].parts
    pictures = [Image(Media(data=jpeg(i, (64, 64 + 8 * i)))) for i in range(2)]
    bad = replace(bad, messages=(Message("user", (*pictures, text)),), times=(0.0, 0.5))
    found = by_key(model.generate([clip(0), bad, clip(2)]))
    kinds = [completion.error and completion.error.kind for completion in found.values()]
    assert sorted(map(str, kinds)) == ["None", "None", "image"]


@pytest.mark.skipif(importlib.util.find_spec("torchvision") is not None, reason="transformers' own is used then")
def test_the_size_of_frames_is_what_the_checkpoint_says(tmp_path):
    build_qwen(tmp_path, video_size={"shortest_edge": 96 * 96, "longest_edge": 128 * 128})
    fields = opened(tmp_path, frames_as="video")._maker.prepare(clip(0, 2)).fields
    assert fields["video_grid_thw"].tolist() == [[1, 12, 12]], "64 pixels are enlarged to at least 96"


def test_a_model_that_takes_no_videos_says_so_before_the_first_question(tmp_path):
    build_idefics3(tmp_path)
    with pytest.raises(FeabError, match="frames_as=video: its processor takes no videos"):
        opened(tmp_path, frames_as="video")
    with pytest.raises(FeabError, match="frames_as"):
        opened(tmp_path, frames_as="film")


def test_a_model_of_one_kind_of_picture_takes_several(tmp_path):
    build_idefics3(tmp_path)
    found = by_key(opened(tmp_path).generate([clip(i, frames) for i, frames in enumerate([1, 3, 3, 2])]))
    assert not any(completion.error for completion in found.values())
    assert len({completion.usage.input_tokens for completion in found.values()}) == 3


# ------------------------------------------------------------------------------- the stand-in for a video processor


def image_processor(**options):
    from transformers import Qwen2VLImageProcessorPil

    return Qwen2VLImageProcessorPil(patch_size=8, temporal_patch_size=2, merge_size=2, **options)


def noise(frames, height, width):
    return np.random.default_rng(frames).integers(0, 256, (frames, height, width, 3), dtype=np.uint8)


def test_a_video_of_one_picture_again_and_again_has_the_patches_of_that_picture():
    processor = image_processor(min_pixels=256, max_pixels=4096)
    video = np.repeat(noise(1, 64, 48), 4, axis=0)
    made = stand_in(processor)([video])
    alone = processor(images=[video[0]], return_tensors="np")["pixel_values"]
    assert made["video_grid_thw"].tolist() == [[2, 8, 6]]
    assert np.array_equal(made["pixel_values_videos"], np.concatenate([alone, alone]))


@pytest.mark.parametrize("frames", [1, 4, 5])
def test_patches_are_laid_out_as_transformers_lays_them_out(frames):
    """By the formula of Qwen2VLVideoProcessor.patchify: (time, depth, channel, high, merge, patch, wide, merge, patch).

    Against transformers' own processor (which needs torchvision) the largest difference was 2.4e-7 [run].
    """
    processor = image_processor(min_pixels=256, max_pixels=4096)
    video = noise(frames, 64, 48)
    made = stand_in(processor)([video, video[:1]])
    mean, deviation = np.array(processor.image_mean), np.array(processor.image_std)
    scaled = ((video / 255 - mean) / deviation).transpose(0, 3, 1, 2)
    full = np.concatenate([scaled, *[scaled[-1:]] * (frames % 2)])
    cut = full.reshape(len(full) // 2, 2, 3, 4, 2, 8, 3, 2, 8).transpose(0, 3, 6, 4, 7, 2, 1, 5, 8)
    expected = cut.reshape(len(full) // 2 * 8 * 6, 3 * 2 * 8 * 8)
    assert made["video_grid_thw"].tolist() == [[len(full) // 2, 8, 6], [1, 8, 6]]
    assert np.allclose(made["pixel_values_videos"][: len(expected)], expected, atol=1e-5)


def test_other_image_processors_have_no_stand_in(tmp_path):
    from transformers import Idefics3ImageProcessorPil

    assert stand_in(Idefics3ImageProcessorPil()) is None
    bad = tmp_path / "config.json"
    bad.write_text("{not json")
    assert stand_in(image_processor(), bad, None) is not None


def test_what_is_told_of_time():
    told = metadata([0.0, 0.5, 1.0])
    assert (told.total_num_frames, told.fps, told.sampled_fps) == (3, 2.0, 2.0)
    assert metadata([0.3]).sampled_fps > 0


def test_pictures_of_a_clip_are_in_order():
    assert [media.data for media in pictures_of(clip(3, 2))] == [jpeg(3000), jpeg(3001)]


@pytest.mark.parametrize("frames_as", ["images", "video"])
def test_what_is_kept_for_several_questions_about_a_clip_changes_no_answer(qwen, frames_as):
    asked = []
    for number in range(6):  # each clip twice, of the same frames at other times, with two prompts each
        for fps in (6.0, 0.6):
            for prompt in ("p0", "p1"):
                made = clip(number, fps=fps)
                *pictures, text = made.messages[0].parts
                message = Message("user", (*pictures, Text(f"{text.text} {prompt}")))
                asked.append(replace(made, messages=(message,), sample=f"{number} at {fps}", prompt=prompt))
    plain, shared = opened(qwen, frames_as=frames_as, share="off"), opened(qwen, frames_as=frames_as)
    wanted, found = by_key(plain.generate(asked)), by_key(shared.generate(asked))
    assert not [one.error for one in found.values() if one.error]
    assert {key: one.texts for key, one in found.items()} == {key: one.texts for key, one in wanted.items()}
    rates = {fps: [one.texts for one in found.values() if one.question.sample.endswith(fps)] for fps in ("6.0", "0.6")}
    assert (rates["6.0"] != rates["0.6"]) == (frames_as == "video")


def test_a_video_is_told_from_its_frames_and_from_other_times(qwen):
    video, images = opened(qwen, frames_as="video")._maker, opened(qwen)._maker
    names = [video.prepare(clip(0)).images, video.prepare(clip(0, fps=3.0)).images, images.prepare(clip(0)).images]
    assert len(set(names)) == 3
    assert images.prepare(clip(0)).images == images.prepare(clip(0, fps=3.0)).images
