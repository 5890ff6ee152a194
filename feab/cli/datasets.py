"""`feab data list|info|show|render`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from feab.cli.output import out, out_json, rows, say
from feab.cli.rendering import Rendering
from feab.content import data_home
from feab.data import Dataset, list_datasets, load_dataset, read_info, resolve


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
    say(f"\nFEAB_DATA is {data_home()}")


def show_info(name: str, *, as_json: bool) -> None:
    """dataset.json in words, with counts from the label columns of each split that is here."""
    with Rendering(cached=True) as bar:
        folder = resolve(name, on_progress=bar)
    info = read_info(folder)
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
    for split in info.splits:
        facts += [[f"{split}:", ""], *_counts(load_dataset(name, split))]
    width = max(len(key) for key, _ in facts)
    for key, value in facts:
        out(f"{key:<{width}}  {value}".rstrip())


def _counts(dataset: Dataset) -> list[list[str]]:
    labels = dataset.labels()
    found = [["  faces", f"{len(dataset):,}"]]
    if "subject" in labels and labels["subject"].notna().any():
        found.append(["  people", f"{labels['subject'].nunique():,}"])
    if "expression" in labels:
        counted = Counter(labels["expression"].dropna())
        found.append(["  expression", ", ".join(f"{word} {n:,}" for word, n in counted.most_common()) or "none"])
    if "valence" in labels:
        found.append(["  valence-arousal", f"{labels['valence'].notna().sum():,}"])
    present = []
    for au in dataset.info.aus:
        column = labels.get(f"au{au:02d}_presence")
        if column is not None and column.notna().any():
            present.append(f"AU{au} {column.mean():.0%}")
    if present:
        found.append(["  action units", ", ".join(present)])
    found.append(["  fingerprint", dataset.fingerprint])
    return found


def show_sheet(name: str, path: Path, split: str, number: int, seed: int, *, private: bool) -> None:
    """Write a contact sheet of some faces, captioned with their labels."""
    from feab.data.show import show

    with Rendering(cached=True) as bar:
        dataset = load_dataset(name, split, on_progress=bar)
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
