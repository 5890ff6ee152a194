"""Faults planted in a miniature of each dataset: what is wrong, where, and what it must be called."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


@dataclass(frozen=True)
class Planted:
    """A row that must be passed over."""

    split: str
    file: str
    line: int | str | None
    why: str


def spoil_pictures(root: Path, pictures: Sequence[str], outside: Path) -> list[Path]:
    """Make six pictures unusable, each in another way; returns their paths."""
    spoilt = [root / path for path in pictures[:6]]
    nothing, cut, words, pipe, link, folder = spoilt
    whole = cut.read_bytes()
    for path in spoilt:
        path.unlink()
    nothing.write_bytes(b"")
    cut.write_bytes(whole[: len(whole) // 2])
    words.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\nshowpage\n")
    os.mkfifo(pipe)
    link.symlink_to(outside)
    folder.mkdir()
    return spoilt


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def replace(root: Path, file: str, changes: dict[int, Callable[[str], str]], more: Sequence[str] = ()) -> None:
    """Change some lines (counted from 1) of a file, and add others."""
    lines = lines_of(root / file)
    for number, change in changes.items():
        lines[number - 1] = change(lines[number - 1])
    (root / file).write_text("\n".join([*lines, *more]) + "\n", encoding="utf-8")


def _cell(number: int, value: str, separator: str = ",") -> Callable[[str], str]:
    def change(line: str) -> str:
        cells = line.split(separator)
        cells[number] = value
        return separator.join(cells)

    return change


def _npy(value: Any, *, pickled: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(value, dtype=object if pickled else None), allow_pickle=pickled)
    return buffer.getvalue()


def rafdb(root: Path, codes: int = 7, above: str = "") -> list[Planted]:
    file = "EmoLabel/list_patition_label.txt"
    first = lines_of(root / above / file)[0]
    n = len(lines_of(root / above / file))
    replace(
        root / above,
        file,
        {2: _cell(1, str(codes + 90), " "), 3: _cell(1, "0", " "), 4: _cell(1, "anger", " "), 5: _cell(1, "nan", " ")},
        [first, "nonsense", "../../etc/passwd 3", "test_9999.jpg 3", "train_x.jpg 1 1"],
    )
    return [
        *(Planted("train", file, number, "unknown code") for number in (2, 3, 4, 5)),
        Planted("train", file, n + 1, "same id"),
        Planted("train", file, n + 2, "bad row"),
        Planted("train", file, n + 3, "bad row"),
        Planted("test", file, n + 4, "missing picture"),
        Planted("train", file, n + 5, "bad row"),
    ]


def rafdb_shares(root: Path) -> list[Planted]:
    file = "EmoLabel/distribution_basic.txt"
    replace(
        root,
        file,
        {1: _cell(1, "0.9", " "), 2: _cell(3, "-0.1", " "), 3: lambda line: line[:20], 4: _cell(2, "x", " ")},
    )
    return [Planted("train", file, number, "bad row") for number in (1, 2, 3, 4)]


def rafdb_compound(root: Path) -> list[Planted]:
    return rafdb(root, 11, "compound")


def affectnet(root: Path) -> list[Planted]:
    file = "Manually_Annotated_file_lists/validation.csv"
    n = len(lines_of(root / file))
    row = lines_of(root / file)[1]
    replace(
        root,
        file,
        {
            3: _cell(6, "11"),
            4: _cell(6, "-1"),
            5: _cell(7, "1.5"),
            6: _cell(8, "nan"),
            7: _cell(7, ""),
            8: _cell(8, "-3"),
            9: _cell(0, "../../outside.jpg"),
            10: _cell(0, "/etc/passwd"),
            11: lambda line: line.rsplit(",", 1)[0],
        },
        [row, row.replace("validation", "gone")],
    )
    return [
        Planted("validation", file, 3, "unknown code"),
        Planted("validation", file, 4, "unknown code"),
        *(Planted("validation", file, number, "out of range") for number in (5, 6, 7, 8)),
        Planted("validation", file, 9, "bad picture"),
        Planted("validation", file, 10, "missing picture"),
        Planted("validation", file, 11, "bad row"),
        Planted("validation", file, n + 1, "same id"),
        Planted("validation", file, n + 2, "missing picture"),
    ]


def affectnet_reduced(root: Path) -> list[Planted]:
    folder = root / "val_set/annotations"
    (folder / "0_exp.npy").write_bytes(_npy("12"))
    (folder / "1_val.npy").write_bytes(_npy(["os.system"], pickled=True))
    (folder / "2_aro.npy").unlink()
    (folder / "3_val.npy").write_bytes(_npy("inf"))
    (folder / "4_exp.npy").write_bytes(_npy([1, 2]))
    (folder / "5_exp.npy").write_bytes(b"\x93NUMPY\x01\x00\xff\xff{")
    (root / "val_set/images/6.jpg").unlink()
    (folder / "7_exp.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    stem = "val_set/annotations"
    return [
        Planted("validation", f"{stem}/0_exp.npy", None, "unknown code"),
        Planted("validation", f"{stem}/1_exp.npy", None, "bad row"),
        Planted("validation", f"{stem}/2_exp.npy", None, "missing file"),
        Planted("validation", f"{stem}/3_exp.npy", None, "out of range"),
        Planted("validation", f"{stem}/4_exp.npy", None, "bad row"),
        Planted("validation", f"{stem}/5_exp.npy", None, "bad row"),
        Planted("validation", f"{stem}/6_exp.npy", None, "missing picture"),
        Planted("validation", f"{stem}/7_exp.pkl", None, "bad row"),
    ]


def fer2013(root: Path) -> list[Planted]:
    file = "fer2013.csv"
    replace(
        root,
        file,
        {
            2: _cell(0, "7"),
            3: _cell(0, ""),
            4: _cell(1, "1 2 3"),
            5: _cell(1, "256 " * 2304),
            6: _cell(2, "Test"),
            7: lambda line: "3",
        },
    )
    whys = ("unknown code", "unknown code", "bad picture", "bad picture", "unknown code", "unknown code")
    return [Planted("train", file, number, why) for number, why in enumerate(whys, 2)]


def ferplus(root: Path) -> list[Planted]:
    file = "fer2013new.csv"
    replace(
        root,
        file,
        {
            2: _cell(2, "-1"),
            3: _cell(2, "11"),
            4: _cell(3, "0.5"),
            5: lambda line: ",".join(line.split(",")[:2] + ["0"] * 10),
            8: _cell(1, lines_of(root / file)[6].split(",")[1]),
        },
    )
    replace(root, "fer2013.csv", {6: _cell(1, "0")})
    return [
        *(Planted("train", file, number, "out of range") for number in (2, 3, 4, 5)),
        Planted("train", "fer2013.csv", 6, "bad picture"),
        Planted("train", file, 8, "same id"),
    ]


def ckplus(root: Path) -> list[Planted]:
    emotions = sorted(path.relative_to(root).as_posix() for path in root.rglob("*_emotion.txt"))
    codes = sorted(path.relative_to(root).as_posix() for path in root.rglob("*_facs.txt"))
    (root / emotions[0]).write_text("   8.0000000e+00\n")
    (root / emotions[1]).write_text("happy")
    (root / codes[2]).write_text("   1.0 6.0\n")
    (root / codes[3]).write_text("   1.0 2.0\n 12.5 1.0\n")
    (root / codes[4]).write_text("   one\n")
    (root / "cohn-kanade-images/S999/001").mkdir(parents=True)
    return [
        Planted("test", emotions[0], 1, "unknown code"),
        Planted("test", emotions[1], 1, "unknown code"),
        Planted("test", codes[2], 1, "bad row"),
        Planted("test", codes[3], 2, "bad row"),
        Planted("test", codes[4], 1, "bad row"),
        Planted("test", "cohn-kanade-images/S999/001", None, "missing picture"),
        Planted("last_three", "cohn-kanade-images/S999/001", None, "missing picture"),
    ]


def disfa(root: Path) -> list[Planted]:
    labels = "ActionUnit_Labels/SN002/SN002_au1.txt"
    replace(root, labels, {1: _cell(1, "6"), 2: _cell(1, "-1"), 3: _cell(0, "x"), 4: lambda line: "4"})
    (root / "ActionUnit_Labels/SN002/SN002_au26.txt").unlink()
    (root / "LeftVideoSN013_comp/00002.jpg").unlink()
    (root / "ActionUnit_Labels/SN024").mkdir()
    for au in (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26):
        (root / f"ActionUnit_Labels/SN024/SN024_au{au}.txt").write_text("1,0\n2,0\n")
    return [
        *(Planted("test", labels, number, "bad row") for number in (1, 2, 3, 4)),
        Planted("test", "ActionUnit_Labels/SN002/SN002_au26.txt", None, "missing file"),
        Planted("test", "ActionUnit_Labels/SN013", "frame 2", "missing picture"),
        Planted("test", "LeftVideoSN024_comp.avi", None, "missing file"),
    ]


def bp4d(root: Path) -> list[Planted]:
    first, second = "AUCoding/AU_OCC/F001_T1.csv", "AUCoding/AU_OCC/F007_T2.csv"
    row = lines_of(root / first)[-1]
    n = len(lines_of(root / first))
    replace(root, first, {2: _cell(1, "2"), 3: _cell(0, "first"), 4: lambda line: line[:9]}, [row, "9999" + row[4:]])
    replace(root, second, {1: lambda line: line.replace(",24,", ",42,")})
    (root / "AUCoding/AU_OCC/notes.csv").write_text("0,1\n")
    lines = lines_of(root / first)
    (root / "AUCoding/AU_OCC/M004_T1.csv").write_text("\n".join(lines) + "\n")
    return [
        Planted("test", first, 2, "unknown code"),
        Planted("test", first, 3, "bad row"),
        Planted("test", first, 4, "unknown code"),
        Planted("test", first, n + 1, "same id"),
        Planted("test", first, n + 2, "missing picture"),
        Planted("test", second, 1, "bad row"),
        Planted("test", "AUCoding/AU_OCC/notes.csv", None, "bad row"),
        Planted("test", "AUCoding/AU_OCC/M004_T1.csv", None, "missing file"),
    ]


def rafau(root: Path) -> list[Planted]:
    file = "RAFAU_label.txt"
    first = lines_of(root / file)[0]
    n = len(lines_of(root / file))
    replace(
        root,
        file,
        {2: _cell(1, "1+x", " "), 3: _cell(1, "U12", " "), 4: lambda line: line.split()[0], 5: _cell(1, "1++2", " ")},
        [first, "9999.jpg 1+2", "../../etc/passwd.jpg null"],
    )
    return [
        *(Planted("test", file, number, "bad row") for number in (2, 3, 4, 5)),
        Planted("test", file, n + 1, "same id"),
        Planted("test", file, n + 2, "missing picture"),
        Planted("test", file, n + 3, "bad picture"),
    ]


def expw(root: Path) -> list[Planted]:
    file = "label/label.lst"
    first = lines_of(root / file)[0]
    n = len(lines_of(root / file))
    replace(
        root,
        file,
        {
            2: _cell(7, "7", " "),
            3: _cell(7, "happy", " "),
            4: _cell(1, "x", " "),
            5: _cell(2, "nan", " "),
            6: _cell(4, "0", " "),
            7: _cell(5, "10", " "),
            8: _cell(6, "inf", " "),
            9: lambda line: line.rsplit(" ", 1)[0],
        },
        [first, "gone.jpg 0 1 2 30 40 9.9 3", "../../../etc/passwd 0 1 2 30 40 9.9 3"],
    )
    whys = ("unknown code", "unknown code", "bad row", "bad row", "out of range", "out of range", "bad row", "bad row")
    return [
        *(Planted("test", file, number, why) for number, why in enumerate(whys, 2)),
        Planted("test", file, n + 1, "same id"),
        Planted("test", file, n + 2, "missing picture"),
        Planted("test", file, n + 3, "bad picture"),
    ]


def disfaplus(root: Path) -> list[Planted]:
    trial = "Labels/SN001/A1_AU1_TrailNo_1"
    # Lines 1 and 2 stand before the labels.
    changes = {3: "000.jpg     6", 4: "001.jpg     -1", 5: "frame       1", 6: "003.jpg"}
    replace(root, f"{trial}/AU1.txt", {number: lambda line, new=new: new for number, new in changes.items()})
    (root / f"{trial}/AU26.txt").unlink()
    (root / "Images/SN003/A1_AU1_TrailNo_1/001.jpg").unlink()
    (root / "Images/SN004/Y_HappyDescribed_TrailNo_1").rename(root / "Images/SN004/elsewhere")
    return [
        *(Planted("test", f"{trial}/AU1.txt", number, "bad row") for number in changes),
        Planted("test", f"{trial}/AU26.txt", None, "missing file"),
        Planted("test", "Labels/SN003/A1_AU1_TrailNo_1", "001.jpg", "missing picture"),
        Planted("test", "Images/SN004/Y_HappyDescribed_TrailNo_1", None, "missing file"),
    ]


def emonet_face_hq(root: Path) -> list[Planted]:
    file = "data/train-00000-of-00001.parquet"
    table = pq.read_table(root / file)
    pictures, texts = (table.column(name).to_pylist() for name in ("path", "label"))
    whole = pictures[0]["bytes"]
    bad: list[tuple[Any, Any, str]] = [
        (whole, "nonsense", "bad row"),
        (whole, "__import__('os').system('true')", "bad row"),
        (whole, "[" * 5000, "bad row"),
        (whole, "{'human-1': {}}", "bad row"),
        (whole, "[3]", "bad row"),
        (whole, "[{'human-1': 3}]", "bad row"),
        (whole, "[{'human-1': {'Emotions|Boredom': 3}}]", "unknown code"),
        (whole, "[{'human-1': {'Emotions|Anger': 8}}]", "out of range"),
        (whole, "[{'human-1': {'Emotions|Anger': True}}]", "out of range"),
        (whole, None, "bad row"),
        (whole[:900], texts[0], "bad picture"),
        (None, texts[0], "missing picture"),
    ]
    columns = {
        "path": [*pictures, *({"bytes": data, "path": None} for data, _, _ in bad)],
        "label": [*texts, *(text for _, text, _ in bad)],
    }
    pq.write_table(pa.table(columns), root / file)
    return [Planted("test", file, len(texts) + 1 + number, why) for number, (_, _, why) in enumerate(bad)]


def emotionet(root: Path) -> list[Planted]:
    file = "EmotioNet_FACS_aws_2020_24600.csv"
    row = lines_of(root / file)[1]
    n = len(lines_of(root / file))
    replace(
        root,
        file,
        {
            3: _cell(2, "2"),
            4: _cell(3, "-1"),
            5: _cell(5, ""),
            6: _cell(44, "0.5"),
            7: _cell(0, "nonsense/"),
            8: lambda line: line[:80],
            9: _cell(0, "'https://emotionet.example/Images/N_1/..'"),
        },
        [row, row.replace("00001.jpg", "99999.jpg"), row.replace("N_0000000001_00001.jpg", "")],
    )
    return [
        *(Planted("test", file, number, "unknown code") for number in (3, 4, 5, 6, 8)),
        Planted("test", file, 7, "bad row"),
        Planted("test", file, 9, "bad row"),
        Planted("test", file, n + 1, "same id"),
        Planted("test", file, n + 2, "missing picture"),
        Planted("test", file, n + 3, "bad row"),
    ]


def sfew(root: Path) -> list[Planted]:
    folder = root / "Val/Val_Aligned_Faces/Bored"
    folder.mkdir()
    return [Planted("validation", "Val/Val_Aligned_Faces/Bored", None, "unknown code")]


def jaffe(root: Path) -> list[Planted]:
    picture = next(root.iterdir()).read_bytes()
    for name in ("KA.XX1.39.tiff", "whatever.png", "KA.AN1.tiff"):
        (root / name).write_bytes(picture)
    return [Planted("test", name, None, "unknown code") for name in ("KA.XX1.39.tiff", "whatever.png", "KA.AN1.tiff")]


def kdef(root: Path) -> list[Planted]:
    for name in ("KDEF/AF01/AF01XXS.JPG", "KDEF/AF01/Thumb.jpg"):
        (root / name).write_bytes((root / "KDEF/AF01/AF01AFS.JPG").read_bytes())
    return [Planted("test", name, None, "unknown code") for name in ("KDEF/AF01/AF01XXS.JPG", "KDEF/AF01/Thumb.jpg")]


def affwild2(root: Path) -> list[Planted]:
    lists = "annotations/{}_Challenge/Validation_Set/{}.txt"
    expression = lists.format("EXPR_Classification", "11-30-1280x720")
    affect = lists.format("VA_Estimation", "12-30-640x360")
    units = lists.format("AU_Detection", "13-24-720x480")
    crop = lists.format("EXPR_Classification", "14-30-1280x720")
    other_year = lists.format("EXPR_Classification", "15_left")
    blank_first = lists.format("EXPR_Classification", "15_right")
    no_header = lists.format("VA_Estimation", "14-30-1280x720")
    no_crops = lists.format("VA_Estimation", "99")
    n = len(lines_of(root / expression))
    replace(
        root,
        expression,
        {3: lambda line: "8", 4: lambda line: "-2", 5: lambda line: "happy", 6: lambda line: "1,1"},
        ["", "3"],
    )
    replace(root, affect, {3: _cell(0, "1.5"), 4: _cell(1, "nan"), 5: _cell(0, "-5.5"), 6: lambda line: "0.1"})
    replace(root, units, {3: _cell(0, "2"), 4: _cell(11, ""), 5: lambda line: f"{line},0"})
    replace(root, other_year, {1: lambda line: line.removesuffix(",Other")})
    (root / blank_first).write_text("\n" + (root / blank_first).read_text())
    (root / no_header).write_text("\n".join(lines_of(root / no_header)[1:]) + "\n")
    (root / no_crops).write_text("valence,arousal\n0.1,0.1\n")
    (root / "cropped_aligned/14-30-1280x720/00003.jpg").unlink()
    return [
        *(Planted("validation", expression, number, "unknown code") for number in (3, 4, 5)),
        *(Planted("validation", expression, number, "bad row") for number in (6, n + 1)),
        Planted("validation", expression, n + 2, "missing picture"),
        *(Planted("validation", affect, number, "out of range") for number in (3, 4, 5)),
        Planted("validation", affect, 6, "bad row"),
        *(Planted("validation", units, number, "unknown code") for number in (3, 4)),
        Planted("validation", units, 5, "bad row"),
        Planted("validation", crop, 4, "missing picture"),
        *(Planted("validation", file, 1, "bad row") for file in (other_year, blank_first, no_header)),
        Planted("validation", no_crops, None, "missing file"),
    ]


def affwild2_mtl(root: Path) -> list[Planted]:
    file = "annotations/MTL_Challenge/validation_set.txt"
    first = lines_of(root / file)[1]
    n = len(lines_of(root / file))
    values = first.split(",", 1)[1]
    replace(
        root,
        file,
        {
            3: _cell(1, "-4"),
            4: _cell(2, "inf"),
            5: _cell(3, "8"),
            6: _cell(4, "9"),
            8: lambda line: line.rsplit(",", 1)[0],
            9: _cell(0, "11-30-1280x720/first.jpg"),
            10: _cell(0, "00002.jpg"),
        },
        [
            first,
            f"11-30-1280x720/00900.jpg,{values}",
            f"nobody/00001.jpg,{values}",
            f"../../etc/00001.jpg,{values}",
        ],
    )
    return [
        *(Planted("validation", file, number, "out of range") for number in (3, 4)),
        *(Planted("validation", file, number, "unknown code") for number in (5, 6)),
        *(Planted("validation", file, number, "bad row") for number in (8, 9, 10)),
        Planted("validation", file, n + 1, "same id"),
        Planted("validation", file, n + 2, "missing picture"),
        Planted("validation", file, n + 3, "missing picture"),
        Planted("validation", file, n + 4, "bad picture"),
    ]


def afewva(root: Path) -> list[Planted]:
    def change(file: str, spoil: Callable[[dict[str, Any]], None]) -> None:
        said = json.loads((root / file).read_text())
        spoil(said["frames"])
        (root / file).write_text(json.dumps(said))

    def spoil(frames: dict[str, Any]) -> None:
        frames["00000"]["valence"] = 11
        frames["00001"]["arousal"] = "3"
        frames["00002"]["valence"] = True
        del frames["00003"]["arousal"]
        frames["00004"]["landmarks"] = frames["00004"]["landmarks"][:67]
        frames["00005"]["landmarks"] = [[1.0, 1.0]] * 68
        frames["x"] = dict(frames["00000"])
        frames["00098"] = {"landmarks": [], "valence": 0, "arousal": 0}
        frames["00099"] = 7

    first, second, third, fourth = "01/001/001.json", "01/002/002.json", "02/051/051.json", "02/052/052.json"
    change(first, spoil)
    (root / second).write_text((root / second).read_text()[:-40])
    (root / third).unlink()
    change(fourth, lambda frames: frames.update({"0": frames["00000"]}))
    for clip, text in {
        "053": '{"frames": []}',
        "054": "[" * 5000,
        "055": '{"frames": {"00000": {"valence": NaN}}}',
    }.items():
        (root / "02" / clip).mkdir()
        (root / "02" / clip / f"{clip}.json").write_text(text)
    return [
        *(Planted("test", first, f"frame {number:05d}", "out of range") for number in range(4)),
        *(Planted("test", first, f"frame {number:05d}", "bad row") for number in (4, 5, 99)),
        Planted("test", first, "frame x", "bad row"),
        Planted("test", first, "frame 00098", "missing picture"),
        Planted("test", second, None, "bad row"),
        Planted("test", third, None, "missing file"),
        Planted("test", fourth, "frame 00000", "same id"),
        *(Planted("test", f"02/{clip}/{clip}.json", None, "bad row") for clip in ("053", "054", "055")),
    ]


PLANT: dict[str, Callable[[Path], list[Planted]]] = {
    "afewva": afewva,
    "affectnet": affectnet,
    "affwild2": affwild2,
    "affwild2_mtl": affwild2_mtl,
    "bp4d": bp4d,
    "ckplus": ckplus,
    "disfa": disfa,
    "disfaplus": disfaplus,
    "emonet_face_hq": emonet_face_hq,
    "emotionet": emotionet,
    "expw": expw,
    "fer2013": fer2013,
    "ferplus": ferplus,
    "jaffe": jaffe,
    "kdef": kdef,
    "rafau": rafau,
    "rafdb": rafdb,
    "rafdb_compound": rafdb_compound,
    "sfew": sfew,
}
"""Dataset -> plants faults in its miniature."""
