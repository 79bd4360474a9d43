"""The other programs that notify: Alertmanager, from Debian's package, and Apprise."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from attrs import frozen

from .alarms import body
from .processes import on_core
from .run import Receiver, Run, Stopwatch, UnmeasurableError

__all__ = ["Alertmanager", "alertmanager", "apprise"]

_CONFIGURATION = """
route:
  receiver: webhook
  group_by: ['...']
  group_wait: 0s
  group_interval: 24h
  repeat_interval: 24h
receivers:
  - name: webhook
    webhook_configs:
      - url: {url}
        send_resolved: false
"""
_BATCH = 64  # as many as Prometheus posts at once; from 16 to 100 it makes no difference
_PATIENCE = 120.0


@frozen
class Alertmanager:
    """A running Alertmanager that notifies a receiver of every alert by itself."""

    url: str
    receiver: Receiver

    def burst(self, count: int, start: int) -> dict[str, float]:
        """Post so many alerts, in batches as Prometheus does, and wait until the receiver has all."""
        known = json.loads(body())
        batches = []
        for first in range(start, start + count, _BATCH):
            alerts = [
                {
                    "labels": {"alertname": f"alarm-{number}", "instance": known["alarmObjInfo"]["region"]},
                    # It sends this twice, which makes its bodies as long as ours.
                    "annotations": {"summary": json.dumps(known["alarmPolicyInfo"])[:340]},
                }
                for number in range(first, min(first + _BATCH, start + count))
            ]
            batches.append(json.dumps(alerts).encode())
        before = self.receiver.received()
        with Stopwatch() as watch:
            for batch in batches:
                _post(f"{self.url}/api/v2/alerts", batch)
            until = time.monotonic() + _PATIENCE
            while (received := self.receiver.received() - before) < count:
                if time.monotonic() > until:
                    raise RuntimeError(f"Alertmanager sent {received} of {count} notifications")
                time.sleep(0.002)
        return {"seconds": watch.seconds, "count": count}


def _post(url: str, content: bytes) -> None:
    request = urllib.request.Request(url, content, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=_PATIENCE) as response:
        response.read()


@contextlib.contextmanager
def alertmanager(run: Run, receiver: Receiver) -> Iterator[Alertmanager]:
    """Alertmanager on the sender's core, with one processor for Go."""
    binary = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if binary is None:
        raise UnmeasurableError("Alertmanager is not installed (Debian: prometheus-alertmanager)")
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder, "alertmanager.yml")
        configuration.write_text(_CONFIGURATION.format(url=receiver.urls()[0]))
        address = f"127.0.0.1:{receiver.port % 20_000 + 10_000}"
        command = [
            binary,
            f"--config.file={configuration}",
            f"--storage.path={folder}/state",
            f"--web.listen-address={address}",
            "--cluster.listen-address=",
            "--log.level=error",
        ]
        with on_core(run.cores.sender):
            process = subprocess.Popen(
                command, env={**os.environ, "GOMAXPROCS": "1"}, stderr=subprocess.DEVNULL
            )
        try:
            _wait_for(f"http://{address}/-/ready")
            yield Alertmanager(f"http://{address}", receiver)
        finally:
            process.kill()
            process.wait()


def _wait_for(url: str) -> None:
    for _ in range(200):
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(url, timeout=1).close()
            return
        time.sleep(0.05)
    raise UnmeasurableError("Alertmanager did not start")


@contextlib.asynccontextmanager
async def apprise(urls: list[str]) -> AsyncIterator[Callable[..., Awaitable[dict[str, Any]]]]:
    """Apprise with one ``json://`` URL, called as its documentation does."""
    import apprise as package

    peer = package.Apprise()
    assert peer.add(urls[0].replace("http://", "json://"))
    content = body().decode()

    async def burst(count: int) -> dict[str, Any]:
        with Stopwatch() as watch:
            for number in range(count):
                assert peer.notify(title=f"alarm-{number}", body=content)
        return watch.told(count=count)

    yield burst
