"""A user's program: secrets wherever one may be given."""

from __future__ import annotations

from alarm_dispatch import Callback, Dispatcher
from alarm_dispatch.secret import Secret
from alarm_dispatch.transports.auth import BasicAuth, BearerAuth
from alarm_dispatch.transports.httpx import HttpxTransport

plain = {"X-Team": "database"}
transport = HttpxTransport(
    auth=BearerAuth(Secret("token")),
    proxy=Secret("http://user:password@proxy.example.com:3128"),
    headers=[("X-From", "east"), ("X-Key", Secret("key"))],
    client_cert=("client.pem", "client.key", Secret.from_env("KEY_PASSWORD")),
)
callbacks = [
    Callback("https://ops.example.com/", format="tencent", headers=plain),
    Callback(
        Secret.from_file("/run/secrets/url"),
        format="tencent",
        headers={"X-Team": "database", "X-Key": Secret("key")},
        transport=HttpxTransport(auth=BasicAuth("monitor", Secret("password")), insecure_tls=True),
    ),
]
url: str = callbacks[0].url
headers: tuple[tuple[str, str], ...] = callbacks[0].headers
dispatcher = Dispatcher(transport=transport)
