"""SEKE through a real server: faces annotated by feab-tiny behind vLLM, killed and resumed twice, and made into FEID.

    FEAB_VLLM_PYTHON=vllm/bin/python python tests/benchmarks/seke_vllm.py [--faces N] [--concurrency N] [--out DIR]

FEAB_VLLM_PYTHON names a python that has vLLM's CPU build; `.ci/run --full` makes it, and the head of
tests/peers/vllm-constraints.txt says how. 2,000 faces take about a quarter of an hour on two cores.

Faces of synth's training split, their action units given, expression, valence and arousal hidden: feab-tiny's contexts
have 2,048 tokens, hence no knowledge in the prompts, and four contexts at the most. `feab seke annotate` is killed
(SIGKILL) twice while it asks. Then everything that can be counted in two ways is: what was on disk before each kill is
there to the byte, no answer twice, none asked again but those under way at a kill (the server counts, too), every face
annotated once, and FEID's faces and labels those of the annotations.

Before that, feab and a bare loop (asyncio, httpx2) take turns with the very same requests, as many at once: the ceiling
of what a client could get of this server in those minutes. The loop's requests are ready-made in a file, and it looks
at no answer; feab writes each to disk, reads it, and decides what to ask next. Both are timed from the first answer on.
The first turn meets a server that knows no picture yet, and fewer requests than some 330 would all lie in its cache
from then on: only later turns of 400 or more compare.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import _beside as beside

sys.path.insert(0, str(beside.ROOT / "tests" / "peers"))

PYTHON = os.environ.get("FEAB_VLLM_PYTHON", "")
KILLS = (0.3, 0.7)
"""Shares of the pilot's answers after which it is killed."""
RECIPE = """\
method: seke
name: seke-tiny
version: "1"
knowledge_in_prompts: false
asking: {temperature: 1.0, max_tokens: 64}
verifying: {temperature: 0.0, max_tokens: 32}
stopping: {most_contexts: 4}
"""
GIVEN, SPLIT = "action_units", "train"
HIDDEN = ("expression", "valence_arousal")


@dataclass(frozen=True)
class Session:
    """One process of `feab seke annotate`."""

    answers: int
    """That it added to the folder."""
    seconds: float
    """From its first answer to its end."""
    starting: float
    """Before its first answer."""
    load: float

    @property
    def row(self) -> str:
        """Its cells of the table."""
        numbers = (self.starting, self.seconds, self.answers / self.seconds, self.load)
        return f"| {self.answers:,} | {' | '.join(f'{number:.1f}' for number in numbers)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=200, help="docs/seke.md tells of 2000")
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--turns", type=int, default=3, help="of feab and of the bare loop; 0 for none")
    parser.add_argument("--requests", type=int, default=400, help="a turn, of two answers each")
    parser.add_argument("--out", type=Path, help="a folder to keep what is made; by default it is thrown away")
    parser.add_argument("--bare", nargs=2, metavar=("FILE", "URL"), help="be the bare loop")
    given = parser.parse_args()
    if given.bare:
        asyncio.run(bare(Path(given.bare[0]), given.bare[1], given.concurrency))
    elif not PYTHON:
        print("not measured: FEAB_VLLM_PYTHON names no python that has vLLM (see tests/peers/vllm-constraints.txt)")
    elif given.out is not None:
        given.out.mkdir(parents=True)
        whole(given, given.out)
    else:
        with tempfile.TemporaryDirectory() as folder:
            whole(given, Path(folder))


def whole(given: argparse.Namespace, folder: Path) -> None:
    """Compare, annotate, kill, resume, count, and say it."""
    print(beside.surroundings(1, {"vLLM": PYTHON}))
    recipe, out = folder / "recipe.yaml", folder / "annotated"
    recipe.write_text(RECIPE)
    before: list[dict[tuple[Any, ...], str]] = []
    served = 0
    with server(folder) as address:
        words = [sys.executable, "-m", "feab.cli", "seke", "annotate", "--data", "synth", "--split", SPLIT]
        words += ["--given", GIVEN, "--limit", str(given.faces), "--recipe", str(recipe)]
        words += ["--model", "openai/tiny", "-M", f"base_url={address}/v1", "-M", f"concurrency={given.concurrency}"]
        in_turn(words, folder, recipe, given, address)
        print("| session | answers | s until the first | s | answers/s | load |\n|" + "---|" * 6)
        for number, share in enumerate((*KILLS, None), 1):
            asked = answered(address)
            until = None if share is None else round(share * 4 * given.faces)
            one = session([*words, "--out", str(out)], out / "draws.jsonl", until)
            before.append(lines_of(out / "draws.jsonl"))
            time.sleep(10)  # what was under way at a kill
            served += answered(address) - asked
            print(f"| {number}, {'killed' if share else 'to the end'} {one.row}", flush=True)
    made = subprocess.run(
        [sys.executable, "-m", "feab.cli", "seke", "feid", str(out), "--out", str(folder / "feid")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    subprocess.run([sys.executable, "-m", "feab.cli", "validate", str(folder / "feid")], check=True)
    print(made.stdout)
    check_annotations(out, before, given.faces)
    again = served - len(before[-1])
    print(f"the server gave {served:,} answers: {again:,} more than are on disk, those under way at the kills")
    assert 0 <= again <= len(KILLS) * 4 * given.concurrency
    check_feid(folder / "feid", out)


def in_turn(words: list[str], folder: Path, recipe: Path, given: argparse.Namespace, address: str) -> None:
    """Time feab and the bare loop, turn about: feab, loop, loop, feab, ..."""
    rates: dict[str, list[float]] = {"feab": [], "bare loop": []}
    file = folder / "requests.jsonl"
    for turn in range(given.turns):
        out = folder / f"turn{turn}"

        def ours(out: Path = out) -> float:
            one = session([*words, "--out", str(out)], out / "draws.jsonl", 2 * given.requests)
            if not file.exists():
                write_requests(file, out, recipe, given)
            return one.answers / one.seconds

        def bare_loop() -> float:
            own = [sys.executable, __file__, "--bare", str(file), address, "--concurrency", str(given.concurrency)]
            return float(subprocess.run(own, capture_output=True, text=True, check=True).stdout)

        both = [("feab", ours), ("bare loop", bare_loop)]
        for name, timed in both if turn % 2 == 0 else reversed(both):
            time.sleep(10)  # what was under way at a kill
            rates[name].append(timed())
            print(f"{name}: {rates[name][-1]:.1f} answers/s (load {os.getloadavg()[0]:.1f})", file=sys.stderr)
    for name, found in rates.items():
        if found:
            told = ", ".join(f"{rate:.1f}" for rate in found)
            print(f"{name}: {statistics.median(found):.1f} answers/s ({told})")


def session(words: list[str], draws: Path, until: int | None) -> Session:
    """Run the command; killed as soon as so many answers are on disk, or else to its end."""
    first, load, start = len(lines_of(draws)) if draws.exists() else 0, os.getloadavg()[0], time.perf_counter()
    began = None
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            while process.poll() is None:
                there = draws.read_bytes().count(b"\n") if draws.exists() else 0
                if began is None and there > first:
                    began = time.perf_counter()
                if until is not None and there >= until:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                time.sleep(0.2)
        finally:
            process.kill()
        end = time.perf_counter()
        assert process.returncode == (-signal.SIGKILL if until is not None else 0), process.returncode
        assert process.stdout is not None
        if until is None:
            print(process.stdout.read(), file=sys.stderr)
    assert began is not None
    return Session(len(lines_of(draws)) - first, end - began, began - start, load)


def lines_of(draws: Path) -> dict[tuple[Any, ...], str]:
    """The whole lines of a journal by key, in their order; none may occur twice."""
    found: dict[tuple[Any, ...], str] = {}
    for line in draws.read_text().splitlines(keepends=True):
        if line.endswith("\n"):
            told = json.loads(line)
            key = told["task"], told["sample"], told["prompt"], told["draw"]
            assert key not in found, key
            found[key] = line
    return found


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """vLLM's chat server with feab-tiny."""
    import serving
    from wider_heads import widened

    wide = widened(beside.ROOT / "models" / "feab-tiny", folder / "wide")
    words = [PYTHON, "-m", "vllm.entrypoints.openai.api_server", "--model", str(wide), "--served-model-name", "tiny"]
    words += ["--dtype", "float32", "--max-model-len", "2048", "--model-impl", "transformers", "--enforce-eager"]
    words += ["--limit-mm-per-prompt", '{"image": 1}', "--generation-config", "vllm", "--max-num-seqs", "64"]
    words += ["--no-enable-chunked-prefill"]  # on a CPU vLLM 0.32 dies of seeded draws of prompts read in pieces
    # As much white space as it likes would be most of what a model of this size writes.
    words += ["--structured-outputs-config", '{"backend": "xgrammar", "disable_any_whitespace": true}']
    environment = {
        **os.environ, "PYTHONPATH": str(beside.ROOT), "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    with serving.served(words, folder / "server.log", environment) as address:
        yield address


def answered(address: str) -> int:
    """How many answers the server has finished, whatever ended them."""
    with urllib.request.urlopen(f"{address}/metrics", timeout=60) as reply:
        text = reply.read().decode()
    return sum(
        int(float(count)) for count in re.findall(r"^vllm:request_success_total\{.*\} (\S+)$", text, re.MULTILINE)
    )


def write_requests(file: Path, out: Path, recipe: Path, given: argparse.Namespace) -> None:
    """The bodies of the first requests in contexts, byte for byte as feab sends them."""
    from feab.generation.asking import Asker
    from feab.generation.prepare import prepare
    from feab.knowledge import fit_joint
    from feab.models.images import pictures_of, read_media
    from feab.models.openai_dialect import Dialect
    from feab.models.openai_images import data_url
    from feab.models.openai_options import OpenAIOptions
    from feab.models.openai_wire import request

    what = prepare("synth", recipe, split=SPLIT, given=[GIVEN], limit=given.faces)
    asker = Asker(what.recipe, fit_joint(what.recipe.knowledge_numbers()))
    faces = {face.sample: face for face in what.chosen.asked()}
    asked = lines_of(out / "draws.jsonl")
    wanted = dict.fromkeys((sample, prompt) for _, sample, prompt, _ in asked if prompt.startswith("c"))
    with file.open("wb") as written:
        for sample, prompt in islice(wanted, given.requests):
            question = asker.question(faces[sample], int(prompt[1:]))
            urls = [data_url(picture) for picture in read_media(pictures_of(question))]
            written.write(request("tiny", question, urls, OpenAIOptions(), Dialect()).body + b"\n")


async def bare(file: Path, address: str, concurrency: int) -> None:
    """What one writes without a harness: a semaphore, and one task a request. Prints the answers a second."""
    import httpx2

    slots, answers = asyncio.Semaphore(concurrency), 0
    start = 0.0
    bodies = file.read_bytes().splitlines()
    limits = httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    async with httpx2.AsyncClient(timeout=600, limits=limits) as client:

        async def ask(body: bytes) -> None:
            nonlocal answers, start
            async with slots:
                headers = {"Content-Type": "application/json"}
                reply = await client.post(f"{address}/v1/chat/completions", content=body, headers=headers)
                reply.raise_for_status()
                start = start or time.perf_counter()
                answers += len(reply.json()["choices"])

        await asyncio.gather(*map(ask, bodies))
        print(answers / (time.perf_counter() - start))


def check_annotations(out: Path, before: list[dict[tuple[Any, ...], str]], faces: int) -> None:
    """Everything that the folder tells in two ways is told alike."""
    lines = lines_of(out / "draws.jsonl")
    for earlier in before:
        assert all(lines[key] == line for key, line in earlier.items()), "an answer was lost or changed"
    manifest = json.loads((out / "manifest.json").read_text())
    counts = manifest["counts"]
    assert len(lines) == manifest["expected"] == sum(manifest["outcomes"].values())
    assert manifest["outcomes"]["error"] == 0
    assert counts["faces"] == counts["decided"] == faces
    told = [json.loads(line) for line in (out / "annotations.jsonl").read_text().splitlines()]
    assert len(told) == len({line["sample"] for line in told}) == faces
    about = {line["sample"] for line in told}
    of_faces = [json.loads(line) for (_, sample, *_), line in lines.items() if sample in about]
    assert counts["draws"] + counts["checks"] == len(of_faces)
    for level in (*HIDDEN, GIVEN):
        by_source = Counter(line[level]["source"] for line in told)
        assert by_source == Counter({k: counts["levels"][level][k] for k in ("human", "generated", "rejected")})
        assert by_source.total() == faces
    print(f"{len(lines):,} answers, none twice; {counts['draws']:,} draws and {counts['checks']:,} checks of {faces:,} "
          f"faces, the others of {counts['calibrating']:,} that calibrate")  # fmt: skip


def check_feid(feid: Path, out: Path) -> None:
    """FEID holds the faces and levels that were annotated, no more and no fewer."""
    info = json.loads((feid / "feid.json").read_text())
    counts = json.loads((out / "manifest.json").read_text())["counts"]
    (source,) = info["sources"]
    assert source["faces"] + source["unused"] + source["withheld"] == counts["decided"]
    for level, found in source["levels"].items():
        assert all(found[name] == counts["levels"][level][name] for name in ("human", "generated", "rejected")), level
    records = sum(file["n"] for split in info["splits"].values() for file in split["files"])
    assert records == sum(info["tasks"].values()) == sum(info["records_by_origin"].values())
    print(f"FEID: {records:,} conversations about {source['faces']:,} faces; {info['records_by_origin']}")


if __name__ == "__main__":
    main()
