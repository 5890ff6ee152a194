"""The set `synth_dynamic`: rendered clips with a known peak, made when first asked for and kept in the cache."""

from __future__ import annotations

import hashlib
from pathlib import Path

from feab.clips.showing import CLIP_COLUMNS
from feab.content import cache_home
from feab.data.places import DYNAMIC, Progress
from feab.data.rendered import holds, rendered_info
from feab.data.write import write_split
from feab.errors import FeabError
from feab.faces.synth import SplitSpec

VERSION = "1"
"""Raised when its pictures or labels change."""

SIZE = 224
"""Pixels of its square pictures, as `synth` has them."""

_EXTRA = {**CLIP_COLUMNS, "strength": "text", "form": "text", "eyes_closed": "integer"}
_ROW_GROUP = 64
"""Most clips of a row group: twelve pictures each."""


def cached_clips(split: str, *, workers: int | None = None, on_progress: Progress | None = None) -> Path:
    """The folder of a split of `synth_dynamic` in the cache, rendered now if it is not there yet.

    As `feab.data.rendered.cached_split`: finished identities are kept, the folder's name holds a hash of all that
    decides its content, and its fingerprint is not pinned.

    Args:
        split: "train" (576 clips), "validation" (144) or "test" (288, a minute and a half on two cores).
        workers: rendering processes; None is one a core.
        on_progress: called with (done, total) frames.

    Raises:
        FeabError: for an unknown split.
    """
    from feab.faces.moving.store import clip_fingerprint, clip_rows

    spec = _spec(split)
    made = f"{spec.identities} identities in clips, seed {spec.seed}, {SIZE} px, renderer {clip_fingerprint()}"
    key = hashlib.sha256(repr((VERSION, spec, made)).encode()).hexdigest()[:12]
    home = cache_home() / DYNAMIC
    folder = home / f"{split}-{key}"
    if holds(folder, split):
        return folder
    info = rendered_info(DYNAMIC, made, ()).model_copy(
        update={
            "version": VERSION,
            "notes": "What is displayed, and when, follows from how each clip was made; not validated by people. In "
            "neutral clips, as in the others, eyes close and the head turns.",
        }
    )
    rows = clip_rows(spec, home / "shards", size=SIZE, workers=workers, on_progress=on_progress)
    write_split(folder, split, rows, info, pinned=False, extra=_EXTRA, row_group=_ROW_GROUP)
    return folder


def _spec(split: str) -> SplitSpec:
    from feab.faces.moving.plans import CLIP_SPLITS

    if split not in CLIP_SPLITS:
        raise FeabError(f"{DYNAMIC} has no split {split!r}; known are {', '.join(CLIP_SPLITS)}")
    return CLIP_SPLITS[split]
