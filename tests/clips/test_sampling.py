from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feab.clips.sampling import MOST_FRAMES, ClipFacts, FrameSampling, chosen, parse_sampling, peak
from feab.errors import FeabError

COUNTS = st.integers(1, MOST_FRAMES)
RATES = st.integers(1, 240_000).map(lambda n: n / 1000)
SAMPLINGS = st.one_of(
    st.builds(FrameSampling, st.sampled_from(["uniform", "apex"]), COUNTS),
    st.builds(FrameSampling, st.just("rate"), COUNTS, RATES),
)


@st.composite
def clips(draw: st.DrawFn) -> ClipFacts:
    frames = draw(st.integers(1, 500))
    marks = sorted(draw(st.lists(st.integers(0, frames - 1), min_size=3, max_size=3)))
    known = [mark if draw(st.booleans()) else None for mark in marks]
    return ClipFacts(frames, draw(st.floats(0.1, 300)), *known)


@given(SAMPLINGS)
def test_what_is_written_is_what_is_read(sampling: FrameSampling) -> None:
    assert parse_sampling(str(sampling)) == sampling


@given(SAMPLINGS, clips())
def test_frames_are_of_the_clip_in_order_once_and_no_more_than_asked(sampling: FrameSampling, clip: ClipFacts) -> None:
    numbers = chosen(sampling, clip)
    assert 1 <= len(numbers) <= sampling.frames
    assert list(numbers) == sorted(set(numbers))
    assert 0 <= numbers[0] <= numbers[-1] < clip.frames
    assert chosen(sampling, clip) == numbers


@given(clips(), COUNTS)
def test_uniform_frames_are_evenly_apart_and_a_short_clip_is_shown_whole(clip: ClipFacts, count: int) -> None:
    numbers = chosen(FrameSampling("uniform", count), clip)
    assert len(numbers) == min(count, clip.frames)
    gaps = [b - a for a, b in pairwise(numbers)]
    assert not gaps or max(gaps) - min(gaps) <= 1
    # Each is the middle of its part of the clip, to half a frame.
    for i, number in enumerate(numbers):
        assert abs((number + 0.5) - (i + 0.5) * clip.frames / len(numbers)) <= 0.5


@given(clips(), COUNTS)
def test_around_the_apex_the_peak_is_shown_and_nothing_outside_onset_and_offset(clip: ClipFacts, count: int) -> None:
    numbers = chosen(FrameSampling("apex", count), clip)
    onset = clip.onset if clip.onset is not None else 0
    offset = clip.offset if clip.offset is not None else clip.frames - 1
    assert peak(clip) in numbers
    assert onset <= numbers[0]
    assert numbers[-1] <= offset
    assert len(numbers) == min(count, offset - onset + 1), "what one side cannot hold goes to the other"
    if count >= 2 and peak(clip) > onset:
        assert numbers[0] == onset
    if count >= 3 and peak(clip) < offset:
        assert numbers[-1] == offset


@given(clips(), RATES, COUNTS)
def test_a_rate_is_uniform_with_as_many_frames_as_the_clip_lasts(clip: ClipFacts, rate: float, most: int) -> None:
    assert clip.fps is not None
    due = max(1, round(clip.frames / clip.fps * rate))
    assert chosen(FrameSampling("rate", most, rate), clip) == chosen(FrameSampling("uniform", min(due, most)), clip)


def test_examples_to_be_read() -> None:
    clip = ClipFacts(12, 6.0, onset=3, apex=6, offset=11)
    for words, numbers in {
        "uniform:1": (6,),
        "uniform:4": (1, 4, 7, 10),
        "uniform:12": tuple(range(12)),
        "uniform:128": tuple(range(12)),
        "apex:1": (6,),
        "apex:2": (3, 6),  # onset and apex, as CASME II is used
        "apex:3": (3, 6, 11),
        "apex:5": (3, 4, 6, 9, 11),
        "rate:2": (1, 4, 7, 10),
        "rate:3:2": (3, 9),
        "rate:0.1": (6,),
    }.items():
        assert chosen(parse_sampling(words), clip) == numbers, words
    assert chosen(parse_sampling("apex:1"), ClipFacts(9)) == (4,), "without a peak, half-way"
    assert chosen(parse_sampling("apex:1"), ClipFacts(9, onset=4, offset=8)) == (6,)
    assert chosen(parse_sampling("apex:4"), ClipFacts(9, apex=0)) == (0, 3, 6, 8)


@pytest.mark.parametrize(
    "words",
    ["", "8", "uniform", "uniform:0", "uniform:129", "uniform:-1", "uniform:8.5", "apex:", "rate:0", "rate:241",
     "rate:1e9", "rate:2:0", "rate:nan", "uniform:8:2", "UNIFORM:8", "uniform:٨", "uniform: 8", "x" * 10_000],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(words: str) -> None:
    with pytest.raises(FeabError, match="frames"):
        parse_sampling(words)


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(words: str) -> None:
    try:
        sampling = parse_sampling(words)
    except FeabError:
        return
    assert parse_sampling(str(sampling)) == sampling


@pytest.mark.parametrize(
    ("clip", "said"),
    [
        (ClipFacts(0), "no frames"),
        (ClipFacts(5, apex=5), "apex 5 is none of its 5 frames"),
        (ClipFacts(5, onset=-1), "onset -1"),
        (ClipFacts(5, onset=3, apex=2), "onset 3 comes after apex 2"),
        (ClipFacts(5, onset=3, offset=1), "onset 3 comes after offset 1"),
        (ClipFacts(5, fps=0.0), "fps 0.0"),
        (ClipFacts(5, fps=float("nan")), "fps nan"),
    ],
)
def test_facts_that_cannot_be_are_refused(clip: ClipFacts, said: str) -> None:
    with pytest.raises(FeabError, match=said):
        chosen(FrameSampling("uniform", 2), clip)


def test_a_rate_needs_to_know_how_fast_the_clip_is() -> None:
    with pytest.raises(FeabError, match="column 'fps'"):
        chosen(parse_sampling("rate:2"), ClipFacts(5))
