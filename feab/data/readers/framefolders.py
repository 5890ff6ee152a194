"""Numbered frames, in a folder or in a video: of datasets that code faces frame by frame, and of clips."""

from __future__ import annotations

import importlib
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from feab.clips.video import MAX_FRAMES
from feab.data.readers.record import Skip
from feab.data.readers.tree import Tree, whole_in
from feab.errors import FeabError
from feab.pictures import MAX_PIXELS
from feab.yamlfile import open_plain

QUALITY = 95
"""Of the JPEG that a frame of a video is stored as (our choice)."""

_LAST_NUMBER = re.compile(r"(\d{1,9})\D*\Z", re.ASCII)


def numbered(tree: Tree, folder: str) -> dict[int, str]:
    """Frame number -> path of the pictures of a folder whose names are numbers, whatever zeros stand before them."""
    found: dict[int, str] = {}
    for name in tree.files(folder):
        number = whole_in(name.rpartition(".")[0], range(10**8))
        if number is not None:
            found.setdefault(number, f"{folder}/{name}")
    return found


def from_one(frames: Mapping[int, str]) -> Mapping[int, str]:
    """The same, counted from 1 where they were counted from 0, as tools that extract frames differ."""
    return {number + 1: path for number, path in frames.items()} if 0 in frames else frames


def clip_frames(tree: Tree, folder: str, file: str, line: int | str | None, skip: Skip) -> list[tuple[int | None, str]]:
    """The pictures of a clip's folder, each with the last number in its name (of reg_img46.jpg 46), in their order.

    Names are not padded with zeros everywhere: 2.jpg comes before 10.jpg. Names without a number come first.

    Args:
        tree: the dataset's folder.
        folder: the clip's, from there.
        file: what names the clip.
        line: its row there.
        skip: told of a clip without pictures, or with more than a clip may have; nothing is returned then.
    """
    try:
        names = tree.files(folder)
    except FeabError as error:
        skip(file, line, "missing clip", str(error).removeprefix(f"{tree.root}/"))
        return []
    if not names:
        skip(file, line, "missing clip", f"{folder}: holds no pictures")
    if len(names) > MAX_FRAMES:
        skip(file, line, "bad clip", f"{folder}: holds more than {MAX_FRAMES:,} pictures: a clip is shorter")
        return []
    found = ((_LAST_NUMBER.search(name.rpartition(".")[0]), name) for name in names)
    counted = [(None if last is None else int(last[1]), f"{folder}/{name}") for last, name in found]
    return sorted(counted, key=lambda one: (-1 if one[0] is None else one[0], one[1]))


def video_frames(file: Path) -> Iterator[tuple[int, bytes]]:
    """The frames of an AVI file, from 1, each as a JPEG file; one is in memory at a time.

    Raises:
        FeabError: when PyAV is not installed or the video cannot be read.
    """
    try:
        av: Any = importlib.import_module("av")
    except ImportError as error:
        words = "reading videos takes PyAV: pip install 'feab[video]', or put the frames in a folder of that name"
        raise FeabError(f"{file}: {words} ({error})") from None
    number = 0
    try:
        # The whitelist keeps FFmpeg from play lists, which name other files.
        options = {"format_whitelist": "avi", "protocol_whitelist": "file"}
        with open_plain(file) as stream, av.open(stream, "r", container_options=options) as container:
            for number, frame in enumerate(container.decode(video=0), 1):
                if frame.width * frame.height > MAX_PIXELS:
                    raise FeabError(f"{file}: frame {number} has more than {MAX_PIXELS:,} pixels")
                buffer = io.BytesIO()
                frame.to_image().save(buffer, "JPEG", quality=QUALITY)
                yield number, buffer.getvalue()
    except (OSError, ValueError) as error:  # FFmpeg's errors are both
        raise FeabError(f"{file}: cannot be read as a video after frame {number} ({str(error)[:200]})") from None
