"""Faults planted in miniatures of clip sets."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from planted_faults import Planted, lines_of, replace

from feab.data.readers.sheet import as_sheet, sheet_cells

DFEW = ("test", "sixteen", "original")


def change_sheet(path: Path, changes: dict[tuple[int, int], str], more: Sequence[Sequence[str]] = ()) -> int:
    """Set some cells (row and column from 1) of a sheet and add rows; returns how many rows it had."""
    rows = [row for _, row in sheet_cells(path.read_bytes(), str(path))]
    for (row, column), word in changes.items():
        rows[row - 1][column - 1] = word
    path.write_bytes(as_sheet([*rows, *more]))
    return len(rows)


def spoil_videos(root: Path, videos: Sequence[str], outside: Path) -> None:
    """Make seven video files unusable, each in another way."""
    nothing, cut, words, pipe, link, folder, playlist = (root / path for path in videos)
    half = cut.read_bytes()[: cut.stat().st_size // 2]
    for path in (nothing, cut, words, pipe, link, folder, playlist):
        path.unlink()
    nothing.write_bytes(b"")
    cut.write_bytes(half)
    words.write_bytes(b"no video at all")
    os.mkfifo(pipe)
    link.symlink_to(outside)
    folder.mkdir()
    playlist.write_text(f"#EXTM3U\n#EXTINF:1,\n{outside}\n")


def dfew(root: Path) -> list[Planted]:
    lists = "EmoLabel_DataSplit/test(single-labeled)"
    first, second = f"{lists}/set_1.csv", f"{lists}/set_2.csv"
    n, taken = len(lines_of(root / first)), lines_of(root / first)[4]
    replace(
        root,
        first,
        {2: lambda line: line.split(",")[0] + ",8", 3: lambda line: line.split(",")[0], 4: lambda line: "x,1"},
        ["99999,3", "-1,3", "../1,3"],
    )
    m = len(lines_of(root / second))
    replace(root, second, {}, [taken])
    (root / lists / "set_5.csv").unlink()
    clips = [line.split(",")[0] for line in lines_of(root / second)[1:]]
    shutil.rmtree(root / f"Clip/clip_224x224/{int(clips[0]):05d}")
    for picture in (root / f"Clip/clip_224x224_16f/{int(clips[1]):05d}").iterdir():
        picture.unlink()
    (root / f"Clip/original/{clips[2]}.mp4").write_bytes(b"no video")
    (root / f"Clip/original/{clips[3]}.mp4").unlink()
    votes = "Annotation/annotation.xlsx"
    taken = sheet_cells((root / votes).read_bytes(), "")[5][1][7]
    change_sheet(root / votes, {(2, 1): "-1", (3, 1): "many", (4, 1): "", (5, 1): "9.5", (7, 8): taken})
    return [
        *(Planted(split, first, number, "unknown code") for split in DFEW for number in (2, 3)),
        *(Planted(split, first, number, "bad row") for split in DFEW for number in (4, n + 2, n + 3)),
        *(Planted(split, first, n + 1, "missing clip") for split in DFEW),
        *(Planted(split, second, m + 1, "same id") for split in DFEW),
        *(Planted(split, f"{lists}/set_5.csv", None, "missing file") for split in DFEW),
        Planted("test", second, 2, "missing clip"),
        Planted("sixteen", second, 3, "missing clip"),
        Planted("original", second, 4, "bad clip"),
        Planted("original", second, 5, "missing clip"),
        *(Planted(split, votes, number, "bad row") for split in DFEW for number in (2, 3, 4)),
        *(Planted(split, votes, 5, "out of range") for split in DFEW),
        *(Planted(split, votes, 7, "same id") for split in DFEW),
    ]


def ferv39k(root: Path) -> list[Planted]:
    file = "4_setups/All_scenes/test_All.csv"
    first = lines_of(root / file)[0]
    n = len(lines_of(root / file))
    clips = [line.split()[0] for line in lines_of(root / file)]
    replace(
        root,
        file,
        {2: lambda line: f"{clips[1]} Bored", 3: lambda line: clips[2], 4: lambda line: f"{clips[3]} 3 Happy"},
        [first, "Action/Happy/9999 Happy", "../../etc Happy", "Happy/0001 Happy", "/etc/ssl Happy"],
    )
    for picture in (root / "2_ClipsforFaceCrop" / clips[4]).iterdir():
        picture.unlink()
    shutil.rmtree(root / "2_ClipsforFaceCrop" / clips[5])
    (root / "2_ClipsforFaceCrop" / clips[5]).symlink_to(root.parent)
    next((root / "2_ClipsforFaceCrop" / clips[6]).iterdir()).write_bytes(b"no picture")
    return [
        Planted("test", file, 2, "unknown code"),
        Planted("test", file, 3, "bad row"),
        Planted("test", file, 4, "bad row"),
        Planted("test", file, n + 1, "same id"),
        Planted("test", file, n + 2, "missing clip"),
        Planted("test", file, n + 3, "missing clip"),
        Planted("test", file, n + 4, "bad row"),
        Planted("test", file, n + 5, "bad row"),
        Planted("test", file, 5, "missing clip"),
        Planted("test", file, 6, "missing clip"),
        Planted("test", file, 7, "bad picture"),
    ]


def _mafw(root: Path, kind: str, unknown: str) -> list[Planted]:
    """Faults of the lists and the videos, which both sets have."""
    first, second, third, gone = (f"Train & Test Set/{kind}/no_caption/set_{fold}/test.txt" for fold in (1, 2, 3, 4))
    lines = [(file, number) for file in (second, third) for number in range(1, len(lines_of(root / file)) + 1)][:7]
    videos = [f"data/clips/{lines_of(root / file)[number - 1].split()[0]}" for file, number in lines]
    outside = root.parent / "outside.mp4"
    shutil.copy(root / videos[0], outside)
    spoil_videos(root, videos, outside)
    n, m, taken = len(lines_of(root / first)), len(lines_of(root / second)), lines_of(root / first)[-1]
    replace(
        root,
        first,
        {1: lambda line: f"{line.split()[0]} {unknown}", 2: lambda line: line.split()[0]},
        ["00025 anger", "99999.mp4 anger", "../../../etc/passwd.mp4 anger"],
    )
    replace(root, second, {}, [taken])
    (root / gone).unlink()
    return [
        Planted("test", first, 1, "unknown code"),
        Planted("test", first, 2, "bad row"),
        Planted("test", first, n + 1, "bad row"),
        Planted("test", first, n + 2, "missing clip"),
        Planted("test", first, n + 3, "bad clip"),
        Planted("test", second, m + 1, "same id"),
        Planted("test", gone, None, "missing file"),
        *(Planted("test", file, number, "bad clip") for file, number in lines),
    ]


def mafw(root: Path) -> list[Planted]:
    votes = "Labels/annotation.xlsx"
    taken = sheet_cells((root / votes).read_bytes(), "")[5][1][0]
    change_sheet(root / votes, {(2, 3): "-1", (3, 3): "x", (4, 1): "", (5, 4): "11", (7, 1): taken})
    return [
        *_mafw(root, "single", "anger_disgust"),
        *(Planted("test", votes, number, "bad row") for number in (2, 3, 4)),
        Planted("test", votes, 5, "out of range"),
        Planted("test", votes, 7, "same id"),
    ]


def mafw_compound(root: Path) -> list[Planted]:
    return _mafw(root, "compound", "disgust_anger")


def casme2(root: Path) -> list[Planted]:
    """The columns are subject 1, name 2, onset 4, apex 5, offset 6, units 8, emotion 9."""
    file = "CASME2-coding-20140508.xlsx"
    rows = [row for _, row in sheet_cells((root / file).read_bytes(), "")]
    places = {line: f"sub{rows[line - 1][0]}/{rows[line - 1][1]}" for line in (9, 10, 11)}
    changes = {
        (2, 1): "subject", (4, 2): "", (5, 9): "bored", (6, 4): "900", (7, 6): "", (8, 5): "9999", (12, 5): "soon",
        (13, 8): "4+?",
    }  # fmt: skip
    n = change_sheet(root / file, changes, [rows[14]])
    (root / f"Cropped/{places[9]}/reg_img{rows[8][3]}.jpg").unlink()
    shutil.rmtree(root / f"CASME2_RAW_selected/{places[10]}")
    for picture in (root / f"Cropped/{places[11]}").iterdir():
        picture.unlink()
    told = {
        2: "bad row", 4: "bad row", 5: "unknown code", 6: "out of range", 7: "out of range", 8: "out of range",
        12: "out of range", 13: "bad row", n + 1: "same id",
    }  # fmt: skip
    return [
        *(Planted(split, file, line, why) for split in ("test", "raw") for line, why in told.items()),
        Planted("test", file, 9, "missing picture"),
        Planted("raw", file, 10, "missing clip"),
        Planted("test", file, 11, "missing clip"),
    ]


PLANT_CLIPS: dict[str, Callable[[Path], list[Planted]]] = {
    "casme2": casme2,
    "dfew": dfew,
    "ferv39k": ferv39k,
    "mafw": mafw,
    "mafw_compound": mafw_compound,
}
"""Dataset -> plants faults in its miniature."""
