"""Numbered frames, in a folder or in a video, for datasets that code faces frame by frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from feab.clips.video import recording
from feab.data.readers.tree import Tree, whole_in
from feab.errors import FeabError
from feab.records import Media


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


def video_frames(file: Path) -> Iterator[tuple[int, bytes]]:
    """The frames of a video, from 1, each as a JPEG file; one is in memory at a time.

    Raises:
        FeabError: when PyAV is not installed or the video cannot be read.
    """
    number = 0
    try:
        for number, picture in enumerate(recording(Media(path=str(file))), 1):
            yield number, picture
    except FeabError as error:
        lacks_av = isinstance(error.__cause__, ImportError)
        advice = ", or put the frames in a folder of that name" if lacks_av else f", after frame {number}"
        raise FeabError(f"{file}: {error}{advice}") from None
