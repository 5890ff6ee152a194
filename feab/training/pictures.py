"""A split of faces as tensors: pixels as a model's image processor sees them, labels as masked targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from feab.pictures import PICTURE_FORMATS
from feab.vocabulary import EXPRESSIONS, FEAB_17


@dataclass(frozen=True, slots=True)
class Faces:
    """n faces. Targets that are not labelled are -1 (expression) or NaN (everything else)."""

    ids: tuple[str, ...]
    pixels: Any
    """uint8 tensor (n, 3, side, side)."""
    expression: Any
    """int64 tensor (n,), index into EXPRESSIONS or -1."""
    va: Any
    """float32 tensor (n, 2) in [-1, 1]."""
    presence: Any
    """float32 tensor (n, 17) of 0, 1, NaN, columns FEAB-17."""
    intensity: Any
    """float32 tensor (n, 17) in [0, 1] (FACS A to E = 0.2 to 1)."""

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Any) -> Faces:
        """The faces at an index tensor."""
        return Faces(
            ids=tuple(self.ids[int(k)] for k in rows),
            pixels=self.pixels[rows],
            expression=self.expression[rows],
            va=self.va[rows],
            presence=self.presence[rows],
            intensity=self.intensity[rows],
        )


def load_faces(dataset: Any, prepare: Callable[[bytes], Any], on_progress: Callable[[int, int], None] | None) -> Faces:
    """Decode every face of a `feab.data.Dataset` once.

    Args:
        dataset: the split.
        prepare: encoded bytes -> uint8 array (3, side, side); see `seen_by`.
        on_progress: called with (done, total).
    """
    import torch

    pixels: list[Any] = []
    for sample in dataset:
        pixels.append(prepare(sample.media.read()))
        if on_progress and len(pixels) % 100 == 0:
            on_progress(len(pixels), len(dataset))
    frame = dataset.labels()
    ids = tuple(str(i) for i in frame["id"])
    code = {label: k for k, label in enumerate(EXPRESSIONS)}
    expression = [code.get(label, -1) if isinstance(label, str) else -1 for label in frame["expression"]]
    return Faces(
        ids=ids,
        pixels=torch.from_numpy(np.stack(pixels)),
        expression=torch.tensor(expression),
        va=_columns(frame, ("valence", "arousal")),
        presence=_columns(frame, tuple(f"au{n:02d}_presence" for n in FEAB_17)),
        intensity=_columns(frame, tuple(f"au{n:02d}_intensity" for n in FEAB_17)) / 5.0,
    )


def seen_by(image_processor: Any) -> Callable[[bytes], Any]:
    """A `prepare` that shows a face as a transformers image processor (values in [-1, 1]) does."""
    import io

    from PIL import Image

    def prepare(data: bytes) -> Any:
        image = Image.open(io.BytesIO(data), formats=PICTURE_FORMATS).convert("RGB")
        values = np.asarray(image_processor(image)["pixel_values"][0])
        return np.rint((values + 1) * 127.5).astype(np.uint8)

    return prepare


def normalise(pixels: Any) -> Any:
    """uint8 -> float32 in [-1, 1] (mean and SD .5)."""
    return pixels.float().div_(127.5).sub_(1.0)


def augment(pixels: Any, generator: Any, erase: float = 0.0) -> Any:
    """Random mirror, shift, scale, turn, light and, for a share `erase`, a blanked patch; (b, 3, s, s) in [-1, 1].

    Mirroring is safe because presence and intensity are the larger of the two sides.
    """
    import torch

    count, _, side, _ = pixels.shape

    def uniform(low: float, high: float) -> Any:
        return torch.rand(count, generator=generator) * (high - low) + low

    angle, scale = uniform(-0.12, 0.12), uniform(0.9, 1.08)
    mirror = (torch.rand(count, generator=generator) < 0.5).float() * -2 + 1
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = [
        torch.stack([cos * mirror, -sin, uniform(-0.1, 0.1)], 1),
        torch.stack([sin * mirror, cos, uniform(-0.1, 0.1)], 1),
    ]
    grid = torch.nn.functional.affine_grid(torch.stack(rows, 1), list(pixels.shape), align_corners=False)
    out = torch.nn.functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    gain = uniform(0.8, 1.2)[:, None, None, None] * (1 + 0.1 * (torch.rand(count, 3, 1, 1, generator=generator) - 0.5))
    out = out * gain + uniform(-0.12, 0.12)[:, None, None, None]
    for row in torch.nonzero(torch.rand(count, generator=generator) < erase).flatten().tolist():
        height, width = (int(v) for v in torch.randint(side // 10, side // 4, (2,), generator=generator))
        top = int(torch.randint(0, side - height, (1,), generator=generator))
        left = int(torch.randint(0, side - width, (1,), generator=generator))
        out[row, :, top : top + height, left : left + width] = 0
    return out.clamp_(-1, 1)


def batches(count: int, size: int, generator: Any) -> Iterable[Any]:
    """Index tensors of one shuffled epoch; the last, smaller batch is kept out."""
    import torch

    order = torch.randperm(count, generator=generator)
    for start in range(0, count - size + 1, size):
        yield order[start : start + size]


def _columns(frame: Any, names: tuple[str, ...]) -> Any:
    import torch

    values = [
        frame[name].to_numpy(dtype="float32", na_value=np.nan) if name in frame else np.full(len(frame), np.nan)
        for name in names
    ]
    return torch.tensor(np.stack(values, 1), dtype=torch.float32)
