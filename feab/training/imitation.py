"""The vision stage: a transformer imitates a CNN's map patch by patch while it learns to read faces.

A vision transformer made from nothing needs far more pictures than a few thousand faces before it finds out that
neighbouring patches belong together; a CNN knows that from the start. So a CNN learns first, from the same pictures and
labels, and each patch of the tower also regresses the CNN's features at that place (feature distillation, after Romero
et al. 2015, "FitNets"; that it suits a tower this small is our choice, checked on the validation split).
"""

from __future__ import annotations

from typing import Any

from feab.training.cnn import trunk_of
from feab.training.pictures import Faces, normalise
from feab.training.reading import Log, fit, loss_of
from feab.training.recipe import Schedule

IMITATION = 5.0
"""Weight of the patch-wise squared error (features standardised) beside the label losses."""


def make_eye(model: Any) -> Any:
    """Tower and connector of an Idefics3 as one module: float pixels (b, 3, s, s) -> image token (b, width)."""
    import torch

    class Eye(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.tower, self.connector = model.model.vision_model, model.model.connector

        def patches(self, pixels: Any) -> Any:
            """(b, patches, width of the tower)."""
            return self.tower(pixel_values=pixels).last_hidden_state

        def forward(self, pixels: Any) -> Any:
            return self.connector(self.patches(pixels))[:, 0]

    return Eye()


def fit_imitating(eye: Any, heads: Any, teacher: Any, faces: Faces, stage: Schedule, *, seed: int, log: Log) -> None:
    """Train tower, connector and heads in place, the tower's patches also imitating the teacher's map.

    Args:
        eye: of `make_eye`.
        heads: of `make_heads`, on the image token.
        teacher: a trained `build_cnn` network, whose map must have as many places as the tower has patches.
        faces: what to learn from.
        stage: epochs and the like.
        seed: of order and augmentation.
        log: called after every epoch.
    """
    import torch

    trunk = trunk_of(teacher)
    with torch.no_grad():
        sample = trunk(normalise(faces.pixels[:256]))
        mean = sample.mean((0, 2, 3), keepdim=True)
        spread = sample.std((0, 2, 3), keepdim=True) + 1e-3
    width = eye.connector.modality_projection.proj.in_features // (sample.shape[2] * sample.shape[3])
    guess = torch.nn.Linear(width, sample.shape[1])

    def batch_loss(pixels: Any, rows: Any) -> Any:
        with torch.no_grad():
            wanted = ((trunk(pixels) - mean) / spread).flatten(2).transpose(1, 2)
        patches = eye.patches(pixels)
        imitation = torch.nn.functional.mse_loss(guess(patches), wanted)
        return IMITATION * imitation + loss_of(heads, eye.connector(patches)[:, 0], faces, rows)

    fit([eye, heads, guess], batch_loss, faces, stage, seed=seed, log=log)
