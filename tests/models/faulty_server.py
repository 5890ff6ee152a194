"""A chat endpoint on loopback that fails in every way, by a script: what happens depends on the image and the attempt.

    python faulty_server.py PORT [--die-after N] [--die-for SECONDS]

prints "ready". GET /stats tells what it was asked, GET /better ends its bad time. Each question's fate is drawn from
its image, so that the test knows it too. Standard library only; it speaks HTTP itself, to be able to break it.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import json
import time
from collections import Counter
from email.utils import formatdate

FATES = {
    "ok": 560,
    # passes by itself
    "429_wait": 50, "429_wait_long": 2, "429_date": 2, "429": 50, "500": 40, "503": 40, "error_200": 20,
    "stall": 10, "closed": 30, "cut": 30,
    # an error of the question, in the server's bad time; later it is answered
    "half_json": 16, "empty": 16, "null": 10, "no_choices": 8, "html": 8, "400": 16, "too_large": 2, "compressed": 2,
    "500_always": 16,
    # an outcome
    "refusal": 20, "content_filter": 20, "length_read": 16, "length_unread": 16,
}  # fmt: skip
"""Share of each fate, in thousandths."""

PASSING = frozenset(
    ("429_wait", "429_wait_long", "429_date", "429", "500", "503", "error_200", "stall", "closed", "cut")
)
FAILING = frozenset(
    ("half_json", "empty", "null", "no_choices", "html", "400", "too_large", "compressed", "500_always")
)
OUTCOMES = {"refusal": "refused", "content_filter": "refused", "length_unread": "truncated"}

LATENCY_S = 0.005


def number_of(image: bytes) -> int:
    return int.from_bytes(hashlib.sha256(image).digest()[:6], "big")


def fate_of(image: bytes) -> str:
    place = number_of(image) % 1000
    for name, share in FATES.items():
        if place < share:
            return name
        place -= share
    raise AssertionError("the shares do not add up to 1000")


def answer_of(image: bytes) -> str:
    """Valence and arousal with three digits."""
    number = number_of(image) // 1000
    return f"valence: {number % 2001 / 1000 - 1:.3f}, arousal: {number // 2001 % 2001 / 1000 - 1:.3f}"


def chat(content: str | None, finish: str = "stop", **message: object) -> dict:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **message}}
    usage = {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105}
    return {"id": "x", "object": "chat.completion", "model": "faulty-2026-01-01", "choices": [choice], "usage": usage}


class Gone(Exception):
    """The connection is to be closed."""


class Server:
    def __init__(self, port: int, die_after: int, die_for: float) -> None:
        self.port, self.die_after, self.die_for = port, die_after, die_for
        self.asked: Counter[str] = Counter()
        self.succeeded: set[str] = set()
        self.again_after_success = 0
        self.busy = self.most_busy = self.requests = 0
        self.fates: Counter[str] = Counter()
        self.writers: set[asyncio.StreamWriter] = set()
        self.listener: asyncio.Server | None = None
        self.dead = False
        self.bad_time = True

    async def listen(self) -> None:
        self.listener = await asyncio.start_server(self.serve, "127.0.0.1", self.port, backlog=512)

    async def die(self) -> None:
        self.dead = True
        self.listener.close()
        for writer in list(self.writers):
            writer.transport.abort()
        await asyncio.sleep(self.die_for)
        self.dead = False
        await self.listen()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
                )
                body = await reader.readexactly(length)
                if head.startswith(b"GET /stats"):
                    self.reply(writer, 200, self.stats())
                elif head.startswith(b"GET /better"):
                    self.bad_time = False
                    self.reply(writer, 200, {})
                else:
                    await self.answer(reader, writer, json.loads(body))
                await writer.drain()
        except (Gone, asyncio.IncompleteReadError, ConnectionError):
            writer.transport.abort()
        finally:
            self.writers.discard(writer)

    def stats(self) -> dict:
        return {
            "requests": self.requests,
            "questions": len(self.asked),
            "again_after_success": self.again_after_success,
            "most_busy": self.most_busy,
            "fates": dict(self.fates),
        }

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: dict) -> None:
        self.requests += 1
        if self.requests == self.die_after:
            self.dying = asyncio.get_running_loop().create_task(self.die())
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        try:
            await asyncio.sleep(LATENCY_S)
            if self.dead:
                raise Gone
            await self.act(reader, writer, body)
        finally:
            self.busy -= 1

    async def act(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: dict) -> None:
        url = next(part["image_url"]["url"] for part in body["messages"][-1]["content"] if part["type"] == "image_url")
        image = base64.b64decode(url.partition(",")[2])
        key = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        before, fate = self.asked[key], fate_of(image)
        self.asked[key] += 1
        self.again_after_success += key in self.succeeded
        self.fates[fate] += 1
        said = answer_of(image)
        if (fate in PASSING and before == 0) or (fate in FAILING and self.bad_time):
            if fate == "stall":
                await asyncio.wait_for(reader.read(1), 60)  # until the client has had enough
                raise Gone
            return await self.fail(writer, fate, said)
        self.succeeded.add(key)
        whole = {
            "refusal": chat(None, refusal="I cannot judge faces of people."),
            "content_filter": chat("", "content_filter"),
            "length_read": chat(said + ". The brows are", "length"),
            "length_unread": chat("Let me look at the brows of this", "length"),
        }.get(fate, chat(said))
        return self.reply(writer, 200, whole)

    async def fail(self, writer: asyncio.StreamWriter, fate: str, said: str) -> None:
        busy = {"error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}}
        good = json.dumps(chat(said)).encode()
        if fate.startswith("429"):
            date = formatdate(time.time() + 1, usegmt=True)
            wait = {"429_wait": "0.05", "429_wait_long": "0.5", "429_date": date}.get(fate)
            self.reply(writer, 429, busy, {} if wait is None else {"Retry-After": wait})
        elif fate[:3] in ("500", "503", "400"):
            self.reply(writer, int(fate[:3]), {"error": {"message": "something is the matter", "code": None}})
        elif fate == "error_200":
            self.reply(writer, 200, {"error": {"message": "the provider is busy", "code": 503}})
        elif fate == "closed":
            raise Gone
        elif fate == "cut":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(good) + good[: len(good) // 2])
            await writer.drain()
            await asyncio.sleep(0.01)
            raise Gone
        else:
            data = {
                "half_json": good[: len(good) // 2],
                "empty": json.dumps(chat("  ")).encode(),
                "null": json.dumps(chat(None)).encode(),
                "no_choices": b'{"choices": []}',
                "html": b"<html><body>Welcome</body></html>",
                "too_large": b'{"choices": "' + b"x" * 5_000_000 + b'"}',
                "compressed": good,
            }[fate]
            self.write(writer, 200, data, {"Content-Encoding": "gzip"} if fate == "compressed" else {})

    def reply(self, writer: asyncio.StreamWriter, status: int, body: dict, headers: dict | None = None) -> None:
        self.write(writer, status, json.dumps(body).encode(), headers or {})

    def write(self, writer: asyncio.StreamWriter, status: int, data: bytes, headers: dict) -> None:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(data)}", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + data)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--die-after", type=int, default=0)
    parser.add_argument("--die-for", type=float, default=5.0)
    given = parser.parse_args()
    server = Server(given.port, given.die_after, given.die_for)
    await server.listen()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
