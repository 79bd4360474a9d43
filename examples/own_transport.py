"""A synchronous function as the transport, here over the standard library's HTTP client."""

import http.client
from pathlib import Path
from urllib.parse import urlsplit

from alarm_dispatch import AlarmGroup, Callback, Dispatcher, Reply, Request, Verdict, load_alarm
from alarm_dispatch.errors import TransportError
from alarm_dispatch.testing import LoopbackReceiver
from alarm_dispatch.transports.function import FunctionTransport


def post(request: Request) -> Reply:
    """Carry one request; a timeout of its own, since nothing can stop a thread from outside."""
    parts = urlsplit(request.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.connect()
    except OSError as error:
        raise TransportError(Verdict.UNREACHABLE, f"no connection: {error}") from error
    try:
        connection.request(request.method, target, request.content, dict(request.headers))
        response = connection.getresponse()
        return Reply(
            status_code=response.status, headers=tuple(response.getheaders()), content=response.read(65_536)
        )
    except http.client.HTTPException as error:
        raise TransportError(Verdict.UNKNOWN, repr(error)) from error
    finally:
        connection.close()


alarm = load_alarm(Path(__file__).parent / "alarms" / "tencent-event.en.json")
with LoopbackReceiver() as receiver, Dispatcher(transport=FunctionTransport(post)) as dispatcher:
    group = AlarmGroup("oncall", callbacks=[Callback(receiver.url, format="tencent")])
    report = dispatcher.dispatch(alarm, group)
    print(report.deliveries[0].outcome, "to", receiver.requests[0].header("User-Agent"))
