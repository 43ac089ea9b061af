"""A package index on loopback that serves one made-up wheel, well or badly."""

import hashlib
import http.server
import io
import threading
import zipfile
from pathlib import Path

DATA = "cat dog mat\n" * 1000
MEMBER = "toy_corpus/data/corpus.txt"
WHEEL_NAME = "toy_corpus-1.0-py3-none-any.whl"
REGISTRY = """
[wheels.toy-corpus]
version = "1.0"
file = "{file}"
sha256 = "{sha256}"
bytes = {bytes}

[data.toy]
title = "Toy corpus"
wheel = "toy-corpus"
members = {{ corpus = "{member}", absent = "toy_corpus/data/absent.txt" }}
source = ""
citation = ""
terms = ""
contents = ""
cleaning = ""
not_for = ""
"""


def build_wheel(padding: int = 100_000) -> bytes:
    """Bytes of a valid wheel with one data file and some padding that does not compress."""
    files = {
        MEMBER: DATA.encode(),
        "toy_corpus/data/padding.bin": b"".join(
            hashlib.sha256(str(number).encode()).digest() for number in range(padding // 32)
        ),
        "toy_corpus-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: toy-corpus\n"
        b"Version: 1.0\n",
        "toy_corpus-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: book\n"
        b"Root-Is-Purelib: true\nTag: py3-none-any\n",
        "toy_corpus-1.0.dist-info/RECORD": b"",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def write_registry(path: Path, wheel: bytes) -> None:
    """Write a registry whose one data set is in the wheel."""
    facts = {"file": WHEEL_NAME, "sha256": hashlib.sha256(wheel).hexdigest(), "bytes": len(wheel)}
    path.write_text(REGISTRY.format(**facts, member=MEMBER), encoding="utf-8")


class PackageIndex:
    """Serve the wheel from a thread; `behavior` may be changed while it runs.

    "good"; "empty" (knows no such package); "hanging" (sends half of the file, then nothing more);
    "truncating" (closes the connection half-way); "wrong" (sends other bytes of the same length);
    "portal" (answers everything with a login page).
    """

    def __init__(self, wheel: bytes) -> None:
        self.wheel = wheel
        self.behavior = "good"
        self.downloads = 0
        self.hanging = threading.Event()
        self.given_up = threading.Event()  # the client no longer waits for the rest
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index._answer(self)

            def log_message(self, *arguments) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/simple"

    def __enter__(self) -> "PackageIndex":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        if self.behavior == "portal":
            self._send(request, b"<html><body>Please log in</body></html>", "text/html")
        elif self.behavior == "empty":
            request.send_error(404)
        elif not request.path.endswith(".whl"):
            page = f'<html><body><a href="/files/{WHEEL_NAME}">{WHEEL_NAME}</a></body></html>'
            self._send(request, page.encode(), "text/html")
        else:
            self.downloads += 1
            self._send(request, self.wheel, "application/octet-stream")

    def _send(self, request, content: bytes, kind: str) -> None:
        request.send_response(200)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        if kind == "application/octet-stream" and self.behavior == "wrong":
            content = content[:-1] + bytes([content[-1] ^ 1])
        if kind == "application/octet-stream" and self.behavior in ("hanging", "truncating"):
            content = content[: len(content) // 2]
        request.wfile.write(content)
        request.wfile.flush()
        if kind == "application/octet-stream" and self.behavior == "hanging":
            self.hanging.set()
            request.connection.recv(1)
            self.given_up.set()
