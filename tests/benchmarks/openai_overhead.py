"""What `feab run` costs beside the bare `openai` client asking the same, of a server that answers in 50 ms.

    OMP_NUM_THREADS=1 python tests/benchmarks/openai_overhead.py [--faces N] [--large N] [--repeats N] [--concurrency N]

The faces are those of `synth` as they are stored (JPEG, 224 px), repeated under new names where there are too few. The
server is a process of its own. Both sides are whole processes, from start to exit, taking turns: feab reads a dataset,
asks, writes every answer to disk, parses and scores; the bare client reads files and collects the replies. Memory is
the process's peak (VmHWM). The large run is there to see that memory does not grow with the number of faces.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median

REPLY = (
    b'{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop",'
    b'"message":{"role":"assistant","content":"happiness"}}],'
    b'"usage":{"prompt_tokens":300,"completion_tokens":1,"total_tokens":301}}'
)
QUESTION = "Which expression does this face display? Answer with one word: neutral, happiness, sadness, anger."

PEAK = """
import atexit, runpy, sys
def peak():
    with open("/proc/self/status") as status:
        print("VmHWM", next(line.split()[1] for line in status if line.startswith("VmHWM")), file=sys.stderr)
atexit.register(peak)
"""
FEAB = PEAK + "from feab.cli import main; main()"
BARE = PEAK + "sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')"


class Answers(asyncio.Protocol):
    """HTTP just enough: reads a request by its Content-Length, answers after the latency, keeps the connection."""

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
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            self.missing, self.head = length - len(body), b""
        else:
            self.missing -= len(data)
        if self.missing <= 0:
            self.missing = -1
            asyncio.get_running_loop().call_later(self.latency, self.answer)

    def answer(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(REPLY)
        self.transport.write(head + REPLY)


async def serve(port: int, latency: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Answers(latency), "127.0.0.1", port, backlog=1024)
    print("ready", flush=True)
    await server.serve_forever()


async def bare(folder: Path, url: str, concurrency: int) -> None:
    """What one writes without a harness: a semaphore, and one task a face."""
    import base64

    from openai import AsyncOpenAI

    client = AsyncOpenAI(api_key="none", base_url=url, max_retries=0)
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


@dataclass
class Cost:
    wall: float
    cpu: float
    rss_mb: float


def timed(code: str, *arguments: object) -> Cost:
    """Run a whole process."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    told = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    assert status == 0, told
    return Cost(wall, usage.ru_utime + usage.ru_stime, int(told.split()[-1]) / 1024)


def make_faces(folder: Path, count: int) -> tuple[Path, Path]:
    """The faces as a dataset folder, and as files."""
    from feab.data import load_dataset, write_split

    synth = load_dataset("synth")
    files, data = folder / "files", folder / "data"
    files.mkdir()

    def rows():
        wanted = (sample for sample in cycle(synth) if sample.expression is not None)
        for number, sample in enumerate(islice(wanted, count)):
            image = sample.media.read()
            (files / f"{number:06d}.jpg").write_bytes(image)
            yield {
                "id": f"face-{number:06d}",
                "image": image,
                "subject": sample.subject,
                "expression": sample.expression,
            }

    write_split(data, "test", rows(), synth.info.model_copy(update={"name": "faces", "splits": {}, "subsets": {}}))
    return data, files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=1000)
    parser.add_argument("--large", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--serve", type=int, metavar="PORT", help="be the server")
    parser.add_argument("--bare", nargs=2, metavar=("FOLDER", "URL"), help="be the bare client")
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given.serve, given.latency))
        return
    if given.bare:
        asyncio.run(bare(Path(given.bare[0]), given.bare[1], given.concurrency))
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, __file__, "--serve", str(port), "--latency", str(given.latency)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout.readline() == "ready\n"
        compare(given, f"http://127.0.0.1:{port}/v1")
    finally:
        server.kill()
        server.wait()


def compare(given: argparse.Namespace, url: str) -> None:
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{os.cpu_count()} cores, load {load}, latency {given.latency * 1000:.0f} ms, {given.concurrency} at once")
    for count, repeats in ((given.faces, given.repeats), (given.large, 1)):
        if not count:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            data, files = make_faces(folder, count)
            costs: dict[str, list[Cost]] = {"bare openai client": [], "feab run": []}
            for repeat in range(repeats):
                costs["bare openai client"].append(
                    timed(BARE, __file__, "--bare", files, url, "--concurrency", given.concurrency)
                )
                run = ["run", "--model", "openai/m", "-M", f"base_url={url}", "-M", f"concurrency={given.concurrency}"]
                run += ["--tasks", "synth_expression", "--data", data, "--out", folder / f"run{repeat}"]
                costs["feab run"].append(timed(FEAB, *run))
        for name, found in costs.items():
            wall, cpu, rss = (median(getattr(cost, field) for cost in found) for field in ("wall", "cpu", "rss_mb"))
            best = min(cost.wall for cost in found)
            print(
                f"{count:>6,} faces, {name:<18} {wall:6.2f} s (best {best:.2f} s), CPU {cpu:6.2f} s, "
                f"{count / wall:5.0f} faces/s, peak {rss:4.0f} MB"
            )
        ratios = [
            mine.wall / bare.wall for bare, mine in zip(costs["bare openai client"], costs["feab run"], strict=True)
        ]
        print(f"{count:>6,} faces, feab / bare: {median(ratios):.2f} (median of {repeats})")


if __name__ == "__main__":
    main()
