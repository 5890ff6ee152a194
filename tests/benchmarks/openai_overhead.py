"""A chat API that answers in 50 ms: what a whole run costs in feab, in a bare loop, and in other harnesses.

    python tests/benchmarks/openai_overhead.py [--faces N] [--peer-faces N] [--large N] [--repeats N] [--peer-repeats N]

Without arguments it takes about two minutes, with the other harnesses at a few hundred faces; what docs/speed.md tells
of them was measured with --peer-faces 1000.

The faces are those of `synth` as they are stored (JPEG, 224 px), repeated under new names where there are too few. The
server is a process of its own. All sides are whole processes, from start to exit, taking turns, with as many requests
at once: feab reads a dataset, asks, writes every answer to disk, parses and scores; the bare `openai` client reads
files and collects the replies; inspect, lmms-eval and lm-eval run as their commands, with a task of theirs in
tests/peers/chat_api, which asks the same words about the same files and compares each answer with a word. Memory is the
process's peak. The server counts: every side must have asked once about every face.

The large run is there to see that feab's memory does not grow with the number of faces. Each peer needs an environment
of its own, named by FEAB_INSPECT_PYTHON, FEAB_LMMS_EVAL_PYTHON and FEAB_LM_EVAL_PYTHON; tests/peers/*-constraints.txt
say how to make them.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path

import _beside as beside

REPLY = (
    b'{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop",'
    b'"message":{"role":"assistant","content":"happiness"}}],'
    b'"usage":{"prompt_tokens":300,"completion_tokens":1,"total_tokens":301}}'
)
QUESTION = "Which expression does this face display? Answer with one word: neutral, happiness, sadness, anger."
TASKS = beside.ROOT / "tests" / "peers" / "chat_api"
PEERS = {"inspect": "FEAB_INSPECT_PYTHON", "lmms-eval": "FEAB_LMMS_EVAL_PYTHON", "lm-eval": "FEAB_LM_EVAL_PYTHON"}
"""Harness -> the variable that names a python that has it."""


class Answers(asyncio.Protocol):
    """HTTP just enough: reads a request by its Content-Length, answers after the latency, keeps the connection."""

    given = 0
    """Answers of all connections."""

    def __init__(self, latency: float) -> None:
        self.latency, self.missing, self.head = latency, -1, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.missing < 0:
            self.head += data
            head, end, body = self.head.partition(b"\r\n\r\n")
            if not end:
                return
            if head.startswith(b"GET"):
                self.head = b""
                self.reply(b"%d" % Answers.given)
                return
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            self.missing, self.head = length - len(body), b""
        else:
            self.missing -= len(data)
        if self.missing <= 0:
            self.missing = -1
            Answers.given += 1
            asyncio.get_running_loop().call_later(self.latency, self.reply, REPLY)

    def reply(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.transport.write(head + body)


async def serve(port: int, latency: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Answers(latency), "127.0.0.1", port, backlog=1024)
    print("ready", flush=True)
    await server.serve_forever()


async def bare(folder: Path, url: str, concurrency: int) -> None:
    """What one writes without a harness: a semaphore, and one task a face."""
    from openai import AsyncOpenAI

    client = AsyncOpenAI(api_key="none", base_url=url, max_retries=0, timeout=600)  # connecting, too
    slots = asyncio.Semaphore(concurrency)

    async def ask(path: Path) -> str | None:
        async with slots:
            image = "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()
            content = [{"type": "image_url", "image_url": {"url": image}}, {"type": "text", "text": QUESTION}]
            reply = await client.chat.completions.create(
                model="m", max_tokens=32, temperature=0, seed=0, messages=[{"role": "user", "content": content}]
            )
            return reply.choices[0].message.content

    answers = await asyncio.gather(*map(ask, sorted(folder.glob("*.jpg"))))
    assert all(answer == "happiness" for answer in answers)


def make_faces(folder: Path, count: int) -> None:
    """The faces as a dataset folder, `data`, and as files with a list of them, `files`."""
    from feab.data import load_dataset, write_split

    synth = load_dataset("synth")
    files = folder / "files"
    files.mkdir()

    def rows():
        wanted = (sample for sample in cycle(synth) if sample.expression is not None)
        with (files / "metadata.jsonl").open("w") as listed:
            for number, sample in enumerate(islice(wanted, count)):
                image = sample.media.read()
                (files / f"{number:06d}.jpg").write_bytes(image)
                listed.write(f'{{"file_name": "{number:06d}.jpg", "target": "happiness"}}\n')
                yield {
                    "id": f"face-{number:06d}",
                    "image": image,
                    "subject": sample.subject,
                    "expression": sample.expression,
                }

    about = synth.info.model_copy(update={"name": "faces", "splits": {}, "subsets": {}})
    write_split(folder / "data", "test", rows(), about)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=1000)
    parser.add_argument("--peer-faces", type=int, default=300, help="for the other harnesses")
    parser.add_argument("--large", type=int, default=10_000, help="faces of a run of feab alone; 0 for none")
    parser.add_argument("--large-bare", action="store_true", help="the bare client, too")
    parser.add_argument("--repeats", type=int, default=2, help="of feab and the bare client")
    parser.add_argument("--peer-repeats", type=int, default=1, help="of the other harnesses")
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--serve", type=int, metavar="PORT", help="be the server")
    parser.add_argument("--bare", nargs=2, metavar=("FOLDER", "URL"), help="be the bare client")
    parser.add_argument("--make", metavar="FOLDER", help="make the faces")
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given.serve, given.latency))
    elif given.bare:
        asyncio.run(bare(Path(given.bare[0]), given.bare[1], given.concurrency))
    elif given.make:
        make_faces(Path(given.make), given.faces)
    else:
        with server(given.latency) as url:
            compare(given, url)


@contextmanager
def server(latency: float) -> Iterator[str]:
    """The server in a process of its own; gives the address to ask."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, __file__, "--serve", str(port), "--latency", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()


def compare(given: argparse.Namespace, url: str) -> None:
    peers = {name: os.environ[variable] for name, variable in PEERS.items() if os.environ.get(variable)}
    print(beside.surroundings(1, {name: python for name, python in peers.items() if name != "lm-eval"}))
    print(f"latency {given.latency * 1000:.0f} ms, {given.concurrency} at once; {given.faces:,} faces")
    ours, plain = "feab", "bare openai client"
    with faces(given.faces) as folder:
        runs = {
            plain: [bare_client(folder, url, given.concurrency)] * given.repeats,
            ours: [feab(folder, url, given.concurrency, number) for number in range(given.repeats)],
        }
        taken = counted(runs, given.faces, url)
        print(beside.table(taken))
    print(f"feab: {beside.ratios(taken[plain], taken[ours])} of the bare client (goal: 1.25 × the time)")
    if peers:
        with faces(given.peer_faces) as folder:
            theirs = {
                name: [peer(name, python, folder, url, given.concurrency)] * given.peer_repeats
                for name, python in peers.items()
            }
            print(f"{given.peer_faces:,} faces\n{beside.table(counted(theirs, given.peer_faces, url))}")
    for name in PEERS.keys() - peers.keys():
        said = f"{PEERS[name]} names no python that has it (see tests/peers/{name}-constraints.txt)"
        print(f"{name}: not measured, as {said}")
    if given.large:
        with faces(given.large) as folder:
            runs = {ours: [feab(folder, url, given.concurrency, 0)]}
            if given.large_bare:
                runs[plain] = [bare_client(folder, url, given.concurrency)]
            large = counted(runs, given.large, url)
        print(f"{given.large:,} faces\n{beside.table(large)}")
        grown = large[ours][0].peak_mb / max(one.peak_mb for one in taken[ours])
        print(f"feab: {grown:.2f} × the memory of {given.faces:,} faces")


def counted(runs: dict[str, list[beside.Command]], faces: int, url: str) -> dict[str, list[beside.Taken]]:
    """All of them, timed in turn, after which the server must have answered once a face and run."""

    def answered() -> int:
        with urllib.request.urlopen(f"{url}/count", timeout=60) as reply:
            return int(reply.read())

    before = answered()
    taken = beside.in_turn(runs, threads=1)
    asked, wanted = answered() - before, faces * sum(map(len, runs.values()))
    assert asked == wanted, f"{asked} requests for {wanted} questions"
    return taken


@contextmanager
def faces(count: int) -> Iterator[Path]:
    """A folder with so many faces, and the peers' tasks. Another process makes them, so that this one stays small."""
    with tempfile.TemporaryDirectory() as name:
        subprocess.run([sys.executable, __file__, "--make", name, "--faces", str(count)], check=True)
        shutil.copytree(TASKS, name, dirs_exist_ok=True)
        yield Path(name)


def bare_client(folder: Path, url: str, concurrency: int) -> beside.Command:
    own = [sys.executable, __file__, "--bare", str(folder / "files"), url, "--concurrency", str(concurrency)]
    return beside.Command(own)


def feab(folder: Path, url: str, concurrency: int, number: int) -> beside.Command:
    run = [sys.executable, "-m", "feab.cli", "run", "--model", "openai/m", "-M", f"base_url={url}"]
    run += ["-M", f"concurrency={concurrency}", "--tasks", "synth_expression"]
    return beside.Command([*run, "--data", str(folder / "data"), "--out", str(folder / f"run{number}")])


def peer(name: str, python: str, folder: Path, url: str, concurrency: int) -> beside.Command:
    """Another harness as its users start it, writing its log into the folder."""
    if name == "inspect":
        words = [str(Path(python).with_name("inspect")), "eval", "inspect_faces.py", "--model", "openai/gpt-4o"]
        words += ["-M", "responses_api=false", "--model-base-url", url, "--max-connections", str(concurrency)]
        words += ["--max-tokens", "32", "--temperature", "0", "--seed", "0", "--display", "plain", "--log-dir", "log"]
    elif name == "lmms-eval":
        words = [python, "-m", "lmms_eval", "--model", "async_openai", "--tasks", "lmms_eval_faces"]
        words += ["--model_args", f"model_version=m,base_url={url},num_cpus={concurrency}"]
        words += ["--include_path", ".", "--batch_size", "1", "--log_samples", "--output_path", "log"]
    else:
        words = [python, "-m", "lm_eval", "--model", "local-chat-completions", "--tasks", "lm_eval_faces"]
        words += ["--model_args", f"model=m,base_url={url}/chat/completions,num_concurrent={concurrency}"]
        words += ["--include_path", ".", "--apply_chat_template", "--log_samples", "--output_path", "log"]
    own = {"HF_HOME": str(folder / "hf"), "XDG_DATA_HOME": str(folder / "share"), "OPENAI_API_KEY": "none"}
    return beside.Command(words, {**own, "NO_COLOR": "1"}, folder)


if __name__ == "__main__":
    main()
