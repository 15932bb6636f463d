"""An MLflow server, and a proxy before it that loses answers or is late with them."""

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

# Headers that belong to a single connection.
OWN_HEADERS = {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}


class Server:
    """A real MLflow server, which is started when its address is first needed.

    Args:
        folder: the folder for its data.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.database = folder, folder / "server.db"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    @property
    def uri(self) -> str:
        with self._lock:
            if self._process is None:
                self._process = self._start()
        return f"http://127.0.0.1:{self.port}"

    def _start(self) -> "subprocess.Popen[bytes]":
        self.folder.mkdir()
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{self.database}", "--port", str(self.port)]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env={**os.environ, **quiet}, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        last = time.monotonic() + 120
        while time.monotonic() < last and process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                    connection.request("GET", "/health")
                    if connection.getresponse().status == 200:
                        return process
            except OSError:
                time.sleep(0.2)
        raise RuntimeError("MLflow's server did not start: " + (self.folder / "log").read_text())

    def stop(self) -> None:
        """Ends the server and its child processes."""
        if self._process is not None:
            os.killpg(self._process.pid, 15)
            self._process.wait()


@contextmanager
def proxied(server: Server, random: Random, share: float, seconds: float) -> Iterator["Proxy"]:
    """Runs a proxy until the block ends; the arguments are those of Proxy."""
    proxy = Proxy(server, random, share, seconds)
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()


class Proxy(ThreadingHTTPServer):
    """Forwards requests, and loses or delays some of the answers.

    Args:
        server: the server behind the proxy.
        random: decides about each request.
        share: the share of the requests that it fails.
        seconds: the delay; with 0 it loses the answers, or the requests themselves.
    """

    daemon_threads = True

    def __init__(self, server: Server, random: Random, share: float, seconds: float) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behind, self.random, self.share, self.seconds = server, random, share, seconds
        self.failed = 0
        assert server.uri

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores clients that gave up, since late answers are meant to cause that."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Proxy

    def log_message(self, format: str, *arguments: Any) -> None:
        """Prints nothing."""

    def hand_on(self) -> None:
        """Forwards a request to the server and returns the answer, or fails it at random."""
        proxy = self.server
        fails, before = proxy.random.random() < proxy.share, proxy.random.random() < 0.5
        proxy.failed += fails
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if fails and before:
            if not proxy.seconds:
                return self.drop()
            time.sleep(proxy.seconds)
        connection = http.client.HTTPConnection("127.0.0.1", proxy.behind.port, timeout=60)
        kept = {k: v for k, v in self.headers.items() if k.lower() not in OWN_HEADERS}
        connection.request(self.command, self.path, body, kept)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if fails and not before:
            if not proxy.seconds:
                return self.drop()
            time.sleep(proxy.seconds)
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in OWN_HEADERS:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = hand_on

    def drop(self) -> None:
        """Cuts the connection without an answer."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
