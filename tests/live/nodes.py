"""`lienthong node` as a process, and clients of which each talks to one of its workers."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx2

FHIR = {"content-type": "application/fhir+json"}


class NodeProcess:
    """Started the way a shell does it, on a free port; `base` is known when it is ready."""

    def __init__(self, folder: Path, *args: object, environment: dict[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        words = ["node", "--port", "0", "--data", folder / "node", *args]
        self._err = (folder / "err").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lienthong", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=self._err,
            text=True,
            env=environment,
            cwd=folder,
            start_new_session=True,  # a Ctrl-C of whoever runs the tests is not for it
        )

    def ready(self) -> str:
        """Waits for the line that says so; its base."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("ready: "):
                self.line, self.base = line, line.split()[1]
                self.url = self.base.removesuffix("/fhir")
                return self.base
        raise AssertionError(f"it ended: {self.process.wait()} {self.said()}")

    def said(self) -> str:
        """What it wrote to stderr so far."""
        return Path(self._err.name).read_text(encoding="utf-8")

    def client(self) -> httpx2.Client:
        """Keeps one connection, so that it talks to one worker."""
        one = httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=600)
        return httpx2.Client(
            base_url=f"{self.base}/", headers=FHIR, limits=one, timeout=30, trust_env=False
        )

    def workers(self, count: int) -> dict[int, httpx2.Client]:
        """A client for each worker, by its process."""
        found: dict[int, httpx2.Client] = {}
        spare: list[httpx2.Client] = []  # kept open, so that the others are asked
        while len(found) < count:
            client = self.client()
            process = client.get(f"{self.url}/healthz").json()["process"]
            if process in found:
                spare.append(client)
                assert len(spare) < 300, f"{len(found)} of {count} workers answer"
            found.setdefault(process, client)
        for client in spare:
            client.close()
        return found

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Sends the signal; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)

    def __enter__(self) -> NodeProcess:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._err.close()
