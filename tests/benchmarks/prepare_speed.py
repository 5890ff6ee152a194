"""How fast a dataset is prepared, in how much memory, and how long a run on it takes to start.

    OMP_NUM_THREADS=1 python tests/benchmarks/prepare_speed.py [--samples 100000] [--dataset rafdb] [--images paths]

A miniature is made and its faces are repeated until there are so many samples (RAF-DB and AffectNet know how, and of
clips FERV39k, in folders of frames, and MAFW, in video files: say --samples 5000). Each preparing is a process of its
own, whose largest resident memory is told; it is done for a tenth of the samples too, and the difference is what the
number of samples costs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PREPARE = """
import json, resource, sys, time
from feab.data.readers import prepare
started, before = time.perf_counter(), time.process_time()
made = prepare(sys.argv[1], sys.argv[2], sys.argv[3], images=sys.argv[4])
seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
children = resource.getrusage(resource.RUSAGE_CHILDREN)
cpu = time.process_time() - before + children.ru_utime + children.ru_stime
samples = sum(split.samples for split in made.splits.values())
print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak, "samples": samples}))
"""

START = """
import time
started = time.perf_counter()
import feab
run = feab.run("baseline/uniform", tasks=__TASK__, data="__DATA__", out="__OUT__", limit=1)
print(time.perf_counter() - started)
"""
TASKS = {
    "rafdb": "rafdb_expression",
    "affectnet": "affectnet_expression",
    "ferv39k": "ferv39k_expression",
    "mafw": "mafw_expression",
}


def rafdb(root: Path, samples: int) -> None:
    """A list of so many test faces, which are those of a miniature over and over."""
    from feab.data.readers import mimic

    mimic("rafdb", root, 70)
    words = [line.split() for line in (root / "EmoLabel/list_patition_label.txt").read_text().splitlines()]
    faces = {name: code for name, code in words if name.startswith("test")}
    originals = [(root / f"Image/aligned/{name[:-4]}_aligned.jpg").read_bytes() for name in faces]
    codes = list(faces.values())
    lines = []
    for number in range(samples):
        stem = f"test_{number + 100_000:06d}"
        (root / f"Image/aligned/{stem}_aligned.jpg").write_bytes(originals[number % len(originals)])
        lines.append(f"{stem}.jpg {codes[number % len(codes)]}")
    (root / "EmoLabel/list_patition_label.txt").write_text("\n".join(lines) + "\n")


def affectnet(root: Path, samples: int) -> None:
    """A CSV file of so many validation faces of 224 pixels, with boxes and landmarks, as the full set has it."""
    from feab.data.readers import mimic

    mimic("affectnet", root, 64)
    (root / "Manually_Annotated_file_lists/training.csv").unlink()
    file = root / "Manually_Annotated_file_lists/validation.csv"
    header, *rows = file.read_text().splitlines()
    rows = rows[:64]
    originals = [(root / "Manually_Annotated_Images" / row.partition(",")[0]).read_bytes() for row in rows]
    lines = [header]
    for number in range(samples):
        path = f"{number % 300}/{number:064x}.jpg"
        target = root / "Manually_Annotated_Images" / path
        if number < 300:
            target.parent.mkdir(exist_ok=True)
        target.write_bytes(originals[number % len(originals)])
        lines.append(f"{path},{rows[number % len(rows)].partition(',')[2]}")
    file.write_text("\n".join(lines) + "\n")


def ferv39k(root: Path, samples: int) -> None:
    """A list of so many test clips of 27 frames of 64 pixels, in folders of their own. They are hard links."""
    from feab.data.readers import mimic

    mimic("ferv39k", root, 28)
    (root / "4_setups/All_scenes/train_All.csv").unlink()
    file = root / "4_setups/All_scenes/test_All.csv"
    clips, lines = [line.split() for line in file.read_text().splitlines()], []
    for number in range(samples):
        clip, label = clips[number % len(clips)]
        copy = f"{clip.rpartition('/')[0]}/{number + 10_000:05d}"
        shutil.copytree(root / "2_ClipsforFaceCrop" / clip, root / "2_ClipsforFaceCrop" / copy, copy_function=os.link)
        lines.append(f"{copy} {label}")
    file.write_text("\n".join(lines) + "\n")


def mafw(root: Path, samples: int) -> None:
    """Lists of so many test clips in five folds, each a video of 27 frames of 64 pixels."""
    from feab.data.readers import mimic

    mimic("mafw", root, 22)
    shutil.rmtree(root / "Labels")
    for fold in range(1, 6):
        file = root / f"Train & Test Set/single/no_caption/set_{fold}/test.txt"
        clips, lines = [line.split() for line in file.read_text().splitlines()], []
        for number in range(samples // 5):
            clip, label = clips[number % len(clips)]
            copy = f"{100_000 * fold + number}.mp4"
            shutil.copyfile(root / "data/clips" / clip, root / "data/clips" / copy)
            lines.append(f"{copy} {label}")
        file.write_text("\n".join(lines) + "\n")


MAKE = {"rafdb": rafdb, "affectnet": affectnet, "ferv39k": ferv39k, "mafw": mafw}


def run(code: str, *arguments: str, home: Path) -> str:
    """What a Python program prints, in a process of its own."""
    env = {**os.environ, "FEAB_DATA": str(home)}
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=env, check=True)
    return done.stdout.strip().splitlines()[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--dataset", choices=sorted(TASKS), default="rafdb")
    parser.add_argument("--images", choices=("paths", "bytes"), default="paths")
    parser.add_argument("--keep", type=Path, help="make the folders here and leave them")
    given = parser.parse_args()
    above = given.keep or Path(tempfile.mkdtemp(prefix="feab-prepare-"))
    try:
        peaks = []
        for samples in (max(given.samples // 10, 100), given.samples):
            root, made = above / f"delivered-{samples}", above / f"made-{samples}"
            if not root.exists():
                started = time.perf_counter()
                MAKE[given.dataset](root, samples)
                print(f"miniature of {samples:,}: {time.perf_counter() - started:.1f} s")
            shutil.rmtree(made, ignore_errors=True)
            words = (given.dataset, str(root), str(made), given.images)
            found = json.loads(run(PREPARE, *words, home=above / "home"))
            peaks.append(found["peak"])
            rates = [found["samples"] / found[what] for what in ("seconds", "cpu")]
            words = f"{found['seconds']:.1f} s, {rates[0]:,.0f}/s, {rates[1]:,.0f} a second of processor time"
            print(f"prepared {found['samples']:,}: {words}, {found['peak']:.0f} MB at most")
        grown = (peaks[1] - peaks[0]) * 2**20 / (0.9 * given.samples)
        print(f"memory a sample: {grown:.0f} bytes")
        code = START.replace("__TASK__", repr(TASKS[given.dataset])).replace("__DATA__", str(made))
        seconds = run(code.replace("__OUT__", str(above / "run")), home=above / "home")
        print(f"a run on {given.samples:,} samples, one of them asked: {float(seconds):.2f} s with imports")
    finally:
        if given.keep is None:
            shutil.rmtree(above)


if __name__ == "__main__":
    main()
