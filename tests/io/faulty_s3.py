"""A proxy before a real S3 API, in which requests fail: refused, cut off, answered to nobody, never answered."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

REFUSED = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>no more of this</Message></Error>'


def operation_of(method: str, target: str) -> str:
    """Return the name that S3 has for a request; only those that write have one here."""
    query = parse_qs(urlsplit(target).query, keep_blank_values=True)
    if method == "PUT":
        return "UploadPart" if "partNumber" in query else "PutObject"
    if method == "POST" and "uploads" in query:
        return "CreateMultipartUpload"
    if method == "POST" and "uploadId" in query:
        return "CompleteMultipartUpload"
    if method == "DELETE":
        return "AbortMultipartUpload" if "uploadId" in query else "DeleteObject"
    return method


@dataclass(frozen=True)
class Fault:
    """What happens to requests of one operation, from the ``at``-th on."""

    operation: str
    how: str
    """``refuse``, ``cut`` (half of it is read), ``unanswered`` (done, but nobody is told) or ``hang``."""
    at: int = 1
    path: str = ""
    """Only requests to paths that contain this."""


class FaultyS3(ThreadingHTTPServer):
    """Forwards requests to another server, but for one fault."""

    daemon_threads = True

    def __init__(self, endpoint: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.backend = urlsplit(endpoint).netloc
        self.fault: Fault | None = None
        self.seen: Counter[str] = Counter()
        self.hanging = threading.Event()
        self.released = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def endpoint(self) -> str:
        """Return the address that clients are given."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def fail(self, fault: Fault | None) -> None:
        """Have requests fail from now on; None for none."""
        self.fault = fault
        self.seen.clear()
        self.hanging.clear()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went away: they are killed on purpose."""

    def outcome(self, operation: str, target: str) -> str:
        """Return what is to happen to a request."""
        fault = self.fault
        if fault is None or fault.operation != operation or fault.path not in target:
            return "forward"
        self.seen[operation] += 1
        return fault.how if self.seen[operation] >= fault.at else "forward"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyS3

    def _serve(self) -> None:
        how = self.server.outcome(operation_of(self.command, self.path), self.path)
        length = int(self.headers.get("Content-Length") or 0)
        if how == "cut":
            self.rfile.read(length // 2)
            self._hang_up()
            return
        if how == "hang":
            self.server.hanging.set()
            self.server.released.wait(30)
            self._hang_up()
            return
        body = self.rfile.read(length)
        if how == "refuse":
            self._answer(403, {"Content-Type": "application/xml"}, REFUSED)
            return
        connection = http.client.HTTPConnection(self.server.backend)
        connection.request(self.command, self.path, body, dict(self.headers.items()))
        response = connection.getresponse()
        content = response.read()
        connection.close()
        if how == "unanswered":
            self._hang_up()
        else:
            self._answer(response.status, dict(response.getheaders()), content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("connection", "transfer-encoding", "server", "date"):
                if name.lower() != "content-length" or self.command == "HEAD":
                    self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
