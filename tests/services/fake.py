"""A service that Apprise knows for as long as a test lasts, and that does what the test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import apprise
from apprise.manager_plugins import NotificationManager

__all__ = ["SCHEME", "URL", "known"]

SCHEME = "adfake"
URL = f"apprise:{SCHEME}://t0ken-of-the-host/p4th-token?key=qu3ry-token"


@contextmanager
def known(send: Callable[..., Any]) -> Iterator[type[apprise.NotifyBase]]:
    """Have Apprise know a service whose ``send(service, body, title, notify_type, **more)`` is this one."""

    class Fake(apprise.NotifyBase):
        """The service."""

        service_name = "Fake"
        secure_protocol = SCHEME
        templates = ("{schema}://{host}",)

        def send(self, body: str, title: str = "", notify_type: Any = None, **more: Any) -> Any:
            """What the test says."""
            return send(self, body, title, notify_type, **more)

        def url(self, privacy: bool = False, *_: Any, **__: Any) -> str:
            """What Apprise asks of every service."""
            return f"{SCHEME}://{self.host}"

    manager = NotificationManager()
    assert manager.add(Fake, schemas=SCHEME)
    try:
        yield Fake
    finally:
        manager.remove(SCHEME)
