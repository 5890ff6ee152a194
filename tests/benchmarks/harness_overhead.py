"""What a harness itself costs: 3,000 faces and a model that answers at once, beside lm-evaluation-harness.

    python tests/benchmarks/harness_overhead.py [--images 3000] [--repeats 3]

Both sides ask the questions of synth_expression about one dataset folder (the embedded faces, repeated under new ids),
get the same answers, keep every one of them, and compute the same scores with 95 % intervals; that they agree is
checked. Times are of whole processes, started anew: imports, reading, asking, scoring. lm-eval runs with Python's
`simple_evaluate`, without the index of its own tasks and without writing its log to disk, which feab does.

lm-eval decodes every picture before it asks; feab leaves that to the model's adapter, and the instant model looks at
none. So feab is timed a second time with a model that decodes every picture. lm-eval is timed with documents from the
library `datasets`, as most of its tasks are written, and with feab's own task file, for which feab reads the data; each
as it comes, which hashes every picture for the log, and with that switched off (LMEVAL_HASHMM=false). The peer needs an
environment of its own, named by FEAB_LM_EVAL_PYTHON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import _beside as beside

PREPARE = """
import json, random, sys
from pathlib import Path
import pyarrow.parquet as pq
from feab.data import load_dataset, write_split
from feab.vocabulary import EXPRESSIONS

folder, n = Path(sys.argv[1]), int(sys.argv[2])
faces = load_dataset("synth")
rows = [row for row in pq.read_table(faces.folder / "test.parquet").to_pylist() if row["expression"] is not None]
rows = [{**rows[i % len(rows)], "id": f"{rows[i % len(rows)]['id']}-{i // len(rows)}"} for i in range(n)]
write_split(folder / "faces", "test", rows, faces.info.model_copy(update={"name": "faces", "subsets": {}}))
draw = random.Random(0)
said = [row["expression"] if draw.random() < 0.6 else draw.choice(EXPRESSIONS) for row in rows]
lines = [json.dumps({"sample": row["id"], "text": text}) for row, text in zip(rows, said)]
(folder / "answers.jsonl").write_text("\\n".join(lines) + "\\n")
"""

DECODING = """
import io, sys
import feab
from PIL import Image

class Decoding:
    def __init__(self, inner):
        self.inner, self.name, self.info, self.close = inner, inner.name, inner.info, inner.close

    def generate(self, questions):
        return self.inner.generate(self.decoded(question) for question in questions)

    def decoded(self, question):
        with Image.open(io.BytesIO(question.messages[0].parts[0].media.read())) as picture:
            picture.convert("RGB")
        return question

script, data, out = sys.argv[1:]
feab.run(Decoding(feab.load_model("mock/" + script)), "synth_expression", data=data, out=out)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print(beside.surroundings(threads=2))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-c", PREPARE, name, str(options.images)], check=True)
        measure(folder, options.images, options.repeats)


def measure(folder: Path, images: int, repeats: int) -> None:
    """Time all of them in turn, `repeats` times, and print the table."""
    data, script = str(folder / "faces"), str(folder / "answers.jsonl")
    plain, decoding = "feab", "feab, every picture decoded"
    commands = {plain: [], decoding: []}
    for i in range(repeats):
        run = [sys.executable, "-m", "feab.cli", "run", "--model", f"mock/{script}", "--tasks", "synth_expression"]
        commands[plain].append(beside.Command([*run, "--data", data, "--out", str(folder / f"run{i}")]))
        commands[decoding].append(
            beside.Command([sys.executable, "-c", DECODING, script, data, str(folder / f"decoded{i}")])
        )
    if beside.PEER:
        for task, reader in (("faces_expression", "datasets"), ("synth_expression", "feab's file")):
            words = [
                beside.PEER,
                str(beside.ROOT / "tests/peers/instant_lm.py"),
                task,
                script,
                data,
                str(folder / task),
            ]
            for hashing, without in (("true", ""), ("false", ", no hashes")):
                environment = {"LMEVAL_HASHMM": hashing, "HF_DATASETS_CACHE": str(folder / "datasets")}
                commands[f"lm-eval, {reader}{without}"] = [beside.Command(words, environment)] * repeats
    taken = beside.in_turn(commands, threads=2)
    print(f"{images} faces, {repeats} runs each in turn: median [least–most]")
    print(beside.table(taken))
    if not beside.PEER:
        print(beside.NOT_MEASURED)
        return
    check(folder)
    for name in list(taken)[2:]:
        print(f"{name}: {beside.ratios(taken[plain], taken[name])} of feab (goals 10 and 5)")


def check(folder: Path) -> None:
    """All gave the same scores and the same ends of the intervals."""
    ours = json.loads((folder / "run0" / "scores.json").read_text())["tasks"]["synth_expression"]["metrics"]
    for task in ("faces_expression", "synth_expression"):
        theirs = json.loads((folder / task).read_text())
        for name in ("macro_f1", "accuracy", "uar"):
            assert abs(ours[name]["value"] - theirs[name]) < 1e-9, (task, name)
        for end in ("low", "high"):
            assert abs(ours["macro_f1"][end] - theirs[f"macro_f1_{end}"]) < 1e-9, (task, end)
    f1 = ours["macro_f1"]
    print(f"all score macro-F1 {f1['value']:.4f} [{f1['low']:.4f}, {f1['high']:.4f}]")


if __name__ == "__main__":
    main()
