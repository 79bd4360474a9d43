"""``listen --hostile``: a receiver that does harm, and prints the requests that reach it whole."""

from __future__ import annotations

import asyncio
import contextlib

from alarm_dispatch.cli.arrivals import Arrival, installed_formats
from alarm_dispatch.cli.errors import CommandError
from alarm_dispatch.cli.listen import show
from alarm_dispatch.cli.screen import Screen
from alarm_dispatch.receiver import ReceivedRequest
from alarm_dispatch.receiver.hostile import HostileServer

__all__ = ["run"]


def run(kind: str, *, port: int = 0, times: int | None = None, as_json: bool = False) -> int:
    """Serve until Ctrl-C; the first ``times`` meet the behaviour ``kind``, None: all."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_listen(kind, port, times, as_json=as_json))
    return 0


async def _listen(kind: str, port: int, times: int | None, *, as_json: bool) -> None:
    known = installed_formats()
    arrivals: asyncio.Queue[Arrival] = asyncio.Queue()

    def arrive(request: ReceivedRequest, hostile: bool) -> None:
        answer = kind if hostile else "confirm"
        arrivals.put_nowait(Arrival(request=request, step=answer, formats=known))

    server = HostileServer(kind, port=port, times=times, on_request=arrive)
    try:
        await server.start()
    except OSError as error:
        raise CommandError(f"cannot listen on {server.host} port {port}: {error.strerror}") from error
    try:
        _introduce(Screen(error=as_json), server)
        screen = Screen()
        while True:
            show(screen, await arrivals.get(), as_json=as_json)
    finally:
        await server.stop()


def _introduce(screen: Screen, server: HostileServer) -> None:
    hostility = server.hostility
    screen.line("Listening on ", (server.url, "bold"))
    verdicts = " or ".join(hostility.verdicts)
    screen.paragraph(f"{hostility.name}: {hostility.what}. The verdict must be {verdicts}. Ctrl-C ends.")
