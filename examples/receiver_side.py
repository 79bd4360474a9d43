"""The other side: a small server that parses callbacks and answers what confirms them."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from alarm_dispatch import AlarmGroup, Callback, Dispatcher, load_alarm
from alarm_dispatch.errors import ParseError
from alarm_dispatch.formats import tencent_legacy

FORMAT = tencent_legacy.Format()
SEEN: set[str] = set()


class Receiver(BaseHTTPRequestHandler):
    """Answers 400 to what is no callback, and drops what it has seen already."""

    def do_POST(self) -> None:
        """Take one callback."""
        content = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            notice = FORMAT.parse(content, self.headers["Content-Type"])
        except ParseError as error:
            self._answer(400, {"problems": error.problems})
            return
        if notice.sessionId not in SEEN:
            SEEN.add(notice.sessionId)
            print(notice.alarmPolicyInfo.policyName, notice.alarmPolicyInfo.conditions.currentValue)
        self._answer(200, {"sessionId": notice.sessionId, "retCode": 0})

    def _answer(self, status: int, body: dict[str, object]) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class has the name
        """Say nothing of each request."""


alarm = load_alarm(Path(__file__).parent / "alarms" / "tencent-legacy-metric.json")
with HTTPServer(("127.0.0.1", 0), Receiver) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Dispatcher() as dispatcher:
        url = f"http://127.0.0.1:{server.server_port}/"
        group = AlarmGroup("oncall", callbacks=[Callback(url, format=FORMAT)])
        print(dispatcher.dispatch(alarm, group).deliveries[0].outcome)
    server.shutdown()
