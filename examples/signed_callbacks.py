"""Signed callbacks, and a receiver that takes only what is signed, and each notification once."""

import base64
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from alarm_dispatch import AlarmGroup, Callback, Dispatcher, RetrySchedule, load_alarm
from alarm_dispatch.errors import SignatureRefusedError
from alarm_dispatch.signing import StandardWebhooks, StandardWebhooksVerifier

# Both sides know it. In earnest it comes from Secret.from_env("…") or Secret.from_file("…").
KEY = "whsec_" + base64.b64encode(os.urandom(32)).decode()
VERIFIER = StandardWebhooksVerifier(KEY)
SCHEDULE = RetrySchedule(attempts=2, delays=(0.1,))
SEEN: set[str | None] = set()


class Receiver(BaseHTTPRequestHandler):
    """Answers 401 to what is not signed, and drops what it has seen already."""

    def do_POST(self) -> None:
        """Take one callback."""
        # The bytes as they came: JSON that was read and written again has another signature.
        content = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            verified = VERIFIER.verify(content, self.headers)
        except SignatureRefusedError as error:
            print("refused,", error)
            self._answer(401)
            return
        if verified.delivery_id in SEEN:
            print("a repeat")
        else:
            SEEN.add(verified.delivery_id)
            print("taken")
        # The first answer gets lost on its way, so that the sender tries again.
        self._answer(200 if self.headers["Alarm-Dispatch-Attempt"] != "1" else 502)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class has the name
        """Say nothing of each request."""


alarm = load_alarm(Path(__file__).parent / "alarms" / "tencent-metric.en.json")
with HTTPServer(("127.0.0.1", 0), Receiver) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    with Dispatcher() as dispatcher:
        for signer in (StandardWebhooks(KEY), None):
            callback = Callback(url, format="tencent", signer=signer, schedule=SCHEDULE)
            report = dispatcher.dispatch(alarm, AlarmGroup("oncall", callbacks=[callback]))
            print([str(attempt.verdict) for attempt in report.deliveries[0].attempts])
    server.shutdown()
