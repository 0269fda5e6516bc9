"""An HTTP server of this machine that stands for Telegram, Discord and the like."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

WAIT_S = 20.0


class Service:
    """Keeps what it is sent. `status` is its answer; while `open` is cleared, it gives none."""

    def __init__(self) -> None:
        self.messages: Queue[dict[str, Any]] = Queue()
        self.asked = threading.Event()
        """A request has arrived, answered or not."""
        self.open = threading.Event()
        self.open.set()
        self.status = 200
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self._answer(json.loads(body))

            def do_GET(self) -> None:
                self._answer({"path": self.path})

            def _answer(self, told: dict[str, Any]) -> None:
                service.asked.set()
                service.open.wait(WAIT_S)
                if service.status < 400:
                    service.messages.put(told)
                self.send_response(service.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port: int = self.server.server_address[1]

    def url(self, *, path: str = "") -> str:
        """As Apprise writes it."""
        return f"json://127.0.0.1:{self.port}{path}"

    def next(self) -> str:
        """The body of the next message that it has taken."""
        told: str = self.messages.get(timeout=WAIT_S)["message"]
        return told

    def lines_until(self, words: str) -> list[str]:
        """All lines up to the one with these words, of however many messages."""
        lines: list[str] = []
        while not any(words in line for line in lines):
            lines += self.next().splitlines()
        return lines


@contextmanager
def a_service() -> Iterator[Service]:
    service = Service()
    thread = threading.Thread(
        target=service.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    )
    thread.start()
    try:
        yield service
    finally:
        service.open.set()
        service.server.shutdown()
        service.server.server_close()
        thread.join(5)
