"""A chat endpoint on loopback, in this process, that answers as a function of the test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """What comes back: a JSON value or bytes."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Heard:
    """What the server was asked."""

    url: str = ""
    bodies: list[dict] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def chat(*texts: Any, finish: str = "stop", usage: Any = (10, 2), **message: Any) -> dict:
    """The body of a good reply."""
    choices = [
        {"index": i, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}
        for i, text in enumerate(texts)
    ]
    counted = {"prompt_tokens": usage[0], "completion_tokens": usage[1]} if isinstance(usage, tuple) else usage
    return {"object": "chat.completion", "model": "served", "choices": choices, "usage": counted}


@contextmanager
def chat_server(answer: Callable[[dict, int], Reply | dict | bytes]) -> Iterator[Heard]:
    """A server whose every POST is answered by `answer(body, number)`, number counting from 0."""
    heard = Heard()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with heard.lock:
                number = len(heard.bodies)
                heard.bodies.append(body)
                heard.headers.append({name.lower(): value for name, value in self.headers.items()})
                heard.paths.append(self.path)
            reply = answer(body, number)
            if not isinstance(reply, Reply):
                reply = Reply(reply)
            data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            pass

        def handle(self) -> None:
            with suppress(ConnectionError):  # a client that does not wait
                super().handle()

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    heard.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
