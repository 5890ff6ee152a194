"""Clips as videos for processors of the Qwen-VL kind, made by their image processor: no torchvision is needed.

Transformers' own video processors need torchvision, which does not exist for every torch. Those of the Qwen-VL kind
cut a video as their image processor cuts an image, but for one thing: a patch holds as many frames as
`temporal_patch_size` says, where an image fills it with copies of itself. So the image processor is given each frame,
and one copy of each is kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from feab.models.images import ImageError
from feab.yamlfile import read_bytes

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

FRAMES_A_SECOND = 2.0
"""Of a clip of one frame, for which no rate can be told. It changes nothing: no other frame is apart from it."""

_CONFIG_BYTES = 1024 * 1024


def stand_in(image_processor: Any, *configs: Path | None) -> VideoByImages | None:
    """A video processor made of an image processor; None where that is not of the Qwen-VL kind.

    Args:
        image_processor: the checkpoint's.
        configs: files that may say how large its video processor makes frames; the first that does counts. Without
            any, frames are made as large as images.
    """
    needed = ("patch_size", "merge_size", "temporal_patch_size", "patchify")
    if not all(hasattr(image_processor, name) for name in needed):
        return None
    sizes = (_size(path) for path in configs if path is not None)
    return VideoByImages(image_processor, next((size for size in sizes if size), None))


def _size(path: Path) -> dict[str, int] | None:
    """What a configuration says of the size of frames, in pixels."""
    try:
        written = json.loads(read_bytes(path, _CONFIG_BYTES))
    except ValueError:
        return None
    mine = written.get("video_processor", written) if isinstance(written, dict) else None
    size = mine.get("size") if isinstance(mine, dict) else None
    if isinstance(size, dict) and all(isinstance(size.get(edge), int) for edge in ("shortest_edge", "longest_edge")):
        return {edge: size[edge] for edge in ("shortest_edge", "longest_edge")}
    return None


class VideoByImages:
    """Stands in a processor's `video_processor`: frames in, `pixel_values_videos` and `video_grid_thw` out."""

    def __init__(self, image_processor: Any, size: dict[str, int] | None) -> None:
        self._images = image_processor
        self._size = size
        self.merge_size: int = image_processor.merge_size
        self.temporal_patch_size: int = image_processor.temporal_patch_size
        self.patch_size: int = image_processor.patch_size

    def __call__(
        self,
        videos: Sequence[npt.NDArray[np.uint8]],
        *,
        video_metadata: Sequence[Any] = (),
        size: Mapping[str, int] | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        """Patches of all videos, one after the other, and the grid of each: (time, height, width) in patches.

        Args:
            videos: one array (frames, height, width, 3) each.
            video_metadata: handed back as it is.
            size: limits in pixels, `shortest_edge` and `longest_edge`, in place of the checkpoint's.
        """
        made = [self._patches(video, size or self._size) for video in videos]
        return {
            "pixel_values_videos": np.concatenate([patches for patches, _ in made]),
            "video_grid_thw": np.array([grid for _, grid in made], dtype=np.int64),
            "video_metadata": list(video_metadata),
        }

    def _patches(
        self, video: npt.NDArray[np.uint8], size: Mapping[str, int] | None
    ) -> tuple[npt.NDArray[np.float32], tuple[int, int, int]]:
        frames, depth = list(video), self.temporal_patch_size
        frames += frames[-1:] * (-len(frames) % depth)
        options = {} if size is None else {"size": dict(size)}
        found = self._images(images=frames, return_tensors="np", **options)
        _, high, wide = (int(n) for n in found["image_grid_thw"][0])
        # (time, depth, patch, channel, copy, height, width), of which one copy is kept in the place of depth.
        cut = np.asarray(found["pixel_values"], dtype=np.float32).reshape(
            len(frames) // depth, depth, high * wide, -1, depth, self.patch_size, self.patch_size
        )
        patches = cut[:, :, :, :, 0].transpose(0, 2, 3, 1, 4, 5)
        return patches.reshape(len(frames) // depth * high * wide, -1), (len(frames) // depth, high, wide)


def metadata(times: Sequence[float]) -> Any:
    """What transformers is told of when the frames of a clip were taken: their number and their mean rate."""
    from transformers.video_utils import VideoMetadata

    count, lasted = len(times), times[-1] - times[0]
    fps = (count - 1) / lasted if lasted > 0 else FRAMES_A_SECOND
    return VideoMetadata(total_num_frames=count, fps=fps, duration=count / fps, frames_indices=list(range(count)))


def one_video(parts: tuple[tuple[str, str | None], ...]) -> tuple[tuple[str, str | None], ...]:
    """The parts of a message with one video in the place of the frames that follow each other."""
    kept = [part for i, part in enumerate(parts) if part[0] != "image" or i == 0 or parts[i - 1][0] != "image"]
    return tuple(("video", None) if kind == "image" else (kind, text) for kind, text in kept)


def videos(
    pictures: Sequence[Sequence[Picture]], times: Sequence[tuple[float, ...]], size: dict[str, int] | None
) -> dict[str, Any]:
    """The arguments of a processor for one video a question."""
    if any(len({picture.size for picture in frames}) > 1 for frames in pictures):
        raise ImageError("is a clip whose frames differ in size, which is no video; send frames_as=images")
    options: dict[str, Any] = {
        "do_sample_frames": False,  # they are sampled: the task says how
        "video_metadata": [metadata(seconds) for seconds in times],
    }
    if size is not None:
        options["size"] = size
    stacked = [np.stack([np.asarray(picture) for picture in frames]) for frames in pictures]
    return {"videos": stacked, "videos_kwargs": options}
