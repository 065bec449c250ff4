"""A real receiver of webhooks, which keeps what it is sent and answers as it is told to."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WAIT_SECONDS = 20


@dataclass(frozen=True)
class Delivery:
    """One request as it arrived; the names of the headers are in lower case."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        """The JSON of the request."""
        return json.loads(self.raw)

    @property
    def kind(self) -> str:
        """The event, as <entity>.<action>."""
        return f"{self.body['entity']}.{self.body['action']}"

    def is_signed_with(self, secret: str) -> bool:
        """Verifies the signature as MLflow documents it."""
        sent = [self.headers["x-mlflow-delivery-id"], self.headers["x-mlflow-timestamp"]]
        signed = ".".join(sent).encode() + b"." + self.raw
        digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
        expected = "v1," + base64.b64encode(digest).decode()
        return hmac.compare_digest(expected, self.headers.get("x-mlflow-signature", ""))


class Receiver:
    """Listens on a free port of this machine. `statuses` are answered in turn, and 200 after them."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.statuses: list[int] = []
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks"

    @contextmanager
    def listening(self) -> Iterator["Receiver"]:
        """Listens for as long as the block runs."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def wait_for(self, how_many: int, seconds: float = WAIT_SECONDS) -> list[Delivery]:
        """The deliveries so far, once there are so many."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while len(self.deliveries) < how_many:
                left = deadline - time.monotonic()
                assert left > 0, f"{len(self.deliveries)} of {how_many} deliveries in {seconds} s: {self.kinds()}"
                self._changed.wait(left)
            return list(self.deliveries)

    def kinds(self) -> list[str]:
        """The events so far."""
        return [delivery.kind for delivery in self.deliveries]

    def _take(self, delivery: Delivery) -> int:
        with self._changed:
            self.deliveries.append(delivery)
            self._changed.notify_all()
            return self.statuses.pop(0) if self.statuses else 200

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("content-length", "0")))
                headers = {key.lower(): value for key, value in self.headers.items()}
                status = receiver._take(Delivery(self.path, headers, raw))
                self.send_response(status)
                self.send_header("content-length", "4")
                self.end_headers()
                self.wfile.write(b"seen")

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing."""

        return Handler
