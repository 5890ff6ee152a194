"""Datasets of rendered faces: the embedded set's splits, and sets of your own seed and size."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from feab.content import cache_home
from feab.data.places import EMBEDDED, EMBEDDED_SUBSETS, Progress
from feab.data.write import read_info, write_split
from feab.errors import FeabError
from feab.schemas import DatasetInfo
from feab.vocabulary import EXPRESSIONS

if TYPE_CHECKING:
    from feab.faces.synth import SplitSpec

VERSION = "1"
"""Of the set `synth`: raised when its pictures or labels change."""

SIZE = 224
"""Pixels of `synth`'s square pictures."""

EXTRA = {
    "identity": "integer",
    "strength": "text",
    "form": "text",
    "free": "flag",
    "mini": "flag",
    "unilateral": "flag",
    "lip_gap": "float",
    "chin_drop": "float",
    "amounts": "text",
}
_PARTIAL = ".partial"


def rendered_info(name: str, made: str, aus: tuple[int, ...]) -> DatasetInfo:
    """What dataset.json says of rendered faces: CC0, free to show and to send; `made` tells how they came about."""
    return DatasetInfo(
        name=name,
        version=VERSION,
        splits={},
        licence="CC0-1.0",
        images_may_be_shared=True,
        third_party="allowed",
        labels=list(EXPRESSIONS),
        aus=list(aus),
        source=f"computer-generated faces, {made}",
        subsets={subset: {"split": "test", "column": "mini"} for subset in EMBEDDED_SUBSETS}
        if name == EMBEDDED
        else {},
        notes="Labels follow from how each face was made (VA is rule-derived); not validated by people.",
    )


def _made(spec: SplitSpec, size: int) -> str:
    from feab.faces.shards import renderer_fingerprint

    return f"{spec.identities} identities, seed {spec.seed}, {size} px, renderer {renderer_fingerprint()}"


def _without_renderer(info: DatasetInfo) -> str:
    return info.source.rpartition(", renderer ")[0]


def _render(
    spec: SplitSpec,
    out: Path,
    info: DatasetInfo,
    *,
    split: str,
    size: int,
    pinned: bool,
    partial: Path,
    workers: int | None,
    on_progress: Progress | None,
) -> None:
    from feab.faces.render_split import render_rows

    rows = render_rows(spec, partial, size=size, workers=workers, on_progress=on_progress, coded=info.aus)
    write_split(out, split, rows, info, pinned=pinned, extra=EXTRA)


def build_synth(
    split: str, out: str | os.PathLike[str], workers: int | None = None, on_progress: Progress | None = None
) -> Path:
    """Render a split of `synth` into a dataset folder, as it is to be shipped (its fingerprint is pinned).

    Finished identities are kept in the cache, so that a broken-off call goes on and a change of labels alone
    renders nothing again.

    Args:
        split: "train", "validation" or "test".
        out: the dataset folder; for shipping, `feab.data.places.embedded_folder()`.
        workers: rendering processes; None is one a core.
        on_progress: called with (done, total) pictures.

    Raises:
        FeabError: for an unknown split.
    """
    from feab.faces.labels import coded_aus

    spec = _synth_spec(split)
    folder = Path(out)
    _render(
        spec, folder, rendered_info(EMBEDDED, _made(spec, SIZE), coded_aus()), split=split, size=SIZE, pinned=True,
        partial=_shards(), workers=workers, on_progress=on_progress,
    )  # fmt: skip
    return folder


def _synth_spec(split: str) -> SplitSpec:
    from feab.faces.synth import SPLITS

    if split not in SPLITS:
        raise FeabError(f"synth has no split {split!r}; known are {', '.join(SPLITS)}")
    return SPLITS[split]


def _shards() -> Path:
    return cache_home() / EMBEDDED / "shards"


def cached_split(split: str, *, workers: int | None = None, on_progress: Progress | None = None) -> Path:
    """The folder of a `synth` split in the cache, rendered now if it is not there yet.

    The folder's name holds a hash of all that decides its content (split, renderer, label rules, coded AUs), so a
    newer feab never reads an older rendering. Its fingerprint is not pinned: other machines may differ in a pixel.

    Raises:
        FeabError: for an unknown split.
    """
    from feab.faces.labels import coded_aus

    spec, aus = _synth_spec(split), coded_aus()
    made = _made(spec, SIZE)
    key = hashlib.sha256(repr((VERSION, spec, made, aus, _label_rules())).encode()).hexdigest()[:12]
    folder = cache_home() / EMBEDDED / f"{split}-{key}"
    if holds(folder, split):
        return folder
    _render(
        spec, folder, rendered_info(EMBEDDED, made, aus), split=split, size=SIZE, pinned=False, partial=_shards(),
        workers=workers, on_progress=on_progress,
    )  # fmt: skip
    return folder


def _label_rules() -> str:
    """A hash of the code that turns what was rendered into labels."""
    import feab.faces

    here = Path(str(feab.faces.__file__)).parent
    return hashlib.sha256(b"".join((here / name).read_bytes() for name in ("labels.py", "va_rule.py"))).hexdigest()


def holds(folder: Path, split: str) -> bool:
    """Whether a folder holds a split that was written to its end."""
    # A kill between the two files leaves the split without its dataset.json: it is then made again from the shards.
    files = (folder / f"{split}.parquet", folder / "dataset.json")
    return all(file.is_file() for file in files) and split in read_info(folder).splits


def render_dataset(
    identities: int,
    seed: int,
    size: int,
    out: str | os.PathLike[str],
    workers: int | None = None,
    on_progress: Progress | None = None,
) -> Path:
    """Render a set of your own into a folder, as split "test": 24 pictures an identity, labelled as `synth` is.

    Can be broken off at any time: the same call goes on, and does nothing once the set is complete.

    Args:
        identities: how many people, 1 to 10000; person i belongs to cell i mod 18 of age, gender and ancestry preset.
        seed: fixes everything. 1, 2 and 3 are the splits of `synth`.
        size: width and height in pixels, 64 to 1024.
        out: the dataset folder; its last part is the dataset's name.
        workers: rendering processes; None is one a core.
        on_progress: called with (done, total) pictures.

    Raises:
        FeabError: for values out of range, or when the folder holds another dataset.
    """
    from feab.faces.labels import coded_aus
    from feab.faces.synth import SplitSpec

    folder = Path(out).expanduser().absolute()
    spec = SplitSpec("test", seed, identities)
    info = rendered_info(folder.name, _made(spec, size), coded_aus())
    if (folder / "dataset.json").exists():
        there = read_info(folder)
        if there.model_copy(update={"splits": {}}) != info:
            if there.name == info.name and _without_renderer(there) == _without_renderer(info):
                raise FeabError(
                    f"{folder} was rendered by another version of feab: use it as it is (--data {folder}), or choose "
                    "another --out for these faces as this version renders them"
                )
            raise FeabError(f"{folder} holds another dataset ({there.source or there.name}); choose another --out")
        if holds(folder, "test"):
            return folder
    partial = folder / _PARTIAL
    _render(
        spec, folder, info, split="test", size=size, pinned=False, partial=partial, workers=workers,
        on_progress=on_progress,
    )  # fmt: skip
    shutil.rmtree(partial, ignore_errors=True)
    return folder
