"""`feab data list|info|show|render`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from feab.cli.ceiling import ceiling
from feab.cli.output import out, out_json, rows, say
from feab.cli.own import counts, open_told
from feab.cli.rendering import Rendering
from feab.content import data_home
from feab.data import list_datasets, load_dataset, read_info, resolve
from feab.data.own import with_split
from feab.data.places import DYNAMIC, own_path


def show_datasets() -> None:
    """Datasets that are here, one a line; those that cannot be read say why."""
    lines = []
    for entry in list_datasets():
        if entry.info is None:
            lines.append([entry.name, "", "", "", entry.error or "cannot be read"])
            continue
        info = entry.info
        splits = ", ".join(f"{name} {split.n:,}" for name, split in info.splits.items())
        lines.append([entry.name, splits, info.licence, info.third_party, str(entry.folder)])
    rows(["name", "splits", "licence", "third parties", "where"], lines)
    say(f"\nrendered when first asked for: {DYNAMIC} (clips)\nFEAB_DATA is {data_home()}")


def show_info(name: str, columns: Sequence[str], images: Path | None, *, as_json: bool) -> None:
    """dataset.json in words, with counts from the label columns of each split that is here; own data likewise."""
    own = own_path(name)
    with Rendering(cached=True, doing="rendering" if own is None else "reading") as bar:
        if own is not None or columns or images is not None:
            datasets = [open_told(name, columns, images, bar)]
            info = with_split(datasets[0])
            folder = datasets[0].path
        else:
            folder = resolve(name, on_progress=bar)
            info = read_info(folder)
            datasets = [] if as_json else [load_dataset(name, split) for split in info.splits]
    if as_json:
        out_json(info.model_dump(mode="json", by_alias=True))
        return
    facts = [
        ["name", f"{info.name} {info.version}"],
        ["where", str(folder)],
        ["source", info.source],
        ["licence", info.licence],
        ["images may be shared", "yes" if info.images_may_be_shared else "no"],
        ["third parties", info.third_party],
        ["subsets", ", ".join(info.subsets) or "none"],
        ["notes", info.notes],
    ]
    for dataset in datasets:
        told = [*counts(dataset), *ceiling(dataset)]
        facts += [[f"{dataset.split}:", ""], *([f"  {key}", value] for key, value in told)]
        facts += [["  fingerprint", dataset.fingerprint], *(["", note] for note in dataset.notes)]
    width = max(len(key) for key, _ in facts)
    for key, value in facts:
        out(f"{key:<{width}}  {value}".rstrip())


def show_sheet(
    name: str,
    path: Path,
    split: str,
    number: int,
    seed: int,
    columns: Sequence[str],
    images: Path | None,
    *,
    private: bool,
) -> None:
    """Write a contact sheet of some faces, captioned with their labels."""
    from feab.data.show import show

    with Rendering(cached=True) as bar:
        dataset = open_told(name, columns, images, bar, split=split)
    sheet = show(dataset, path, n=number, seed=seed, private=private)
    say(f"{path}: {sheet.shown} of {len(dataset):,} faces")
    if sheet.left_out:
        say(f"never shown: {sheet.left_out:,} faces of age groups that can hold people under 18")


def render(path: Path, identities: int, seed: int, size: int, workers: int | None) -> None:
    """Render a dataset folder, with progress."""
    from feab.data.rendered import render_dataset

    with Rendering() as bar:
        folder = render_dataset(identities, seed, size, path, workers=workers, on_progress=bar)
    say(f"{folder}: {read_info(folder).splits['test'].n:,} faces; ask about them with --data {path}")
