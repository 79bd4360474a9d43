"""``listen``: a receiver that answers by a script and prints what arrives."""

from __future__ import annotations

import asyncio
import contextlib

from alarm_dispatch.cli.arrivals import Arrival, installed_formats
from alarm_dispatch.cli.errors import CommandError
from alarm_dispatch.cli.keys import verifier_by
from alarm_dispatch.cli.screen import Screen, print_json
from alarm_dispatch.receiver import LoopbackServer, ReceivedRequest, Script, Step
from alarm_dispatch.signing import StandardWebhooksVerifier

__all__ = ["run", "show"]


def run(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    script: str = "confirm",
    then: str | None = None,
    count: int | None = None,
    verify_keys: tuple[str, ...] = (),
    as_json: bool = False,
) -> int:
    """Serve until ``count`` requests are answered, or until Ctrl-C."""
    played = Script.parse(script, then=then)
    verifier = verifier_by(verify_keys)
    server = LoopbackServer(played, host=host, port=port)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_listen(server, played, count, verifier, as_json=as_json))
    return 0


async def _listen(
    server: LoopbackServer,
    script: Script,
    count: int | None,
    verifier: StandardWebhooksVerifier | None,
    *,
    as_json: bool,
) -> None:
    known = installed_formats()
    arrivals: asyncio.Queue[Arrival] = asyncio.Queue()
    answered = asyncio.Semaphore(0)  # not a queue: without --count nobody would ever empty it

    def arrive(request: ReceivedRequest, step: Step) -> None:
        arrivals.put_nowait(Arrival(request=request, step=step, formats=known, verifier=verifier))

    server.on_request = arrive
    server.on_answered = lambda _request, _step: answered.release()
    try:
        await server.start()
    except OSError as error:
        raise CommandError(f"cannot listen on {server.host} port {server.port}: {error.strerror}") from error
    try:
        # With --json every line of standard output is a request.
        _introduce(Screen(error=as_json), server, script)
        screen = Screen()
        seen = 0
        while count is None or seen < count:
            show(screen, await arrivals.get(), as_json=as_json)
            seen += 1
        for _ in range(seen):
            await answered.acquire()
    finally:
        await server.stop()


def _introduce(screen: Screen, server: LoopbackServer, script: Script) -> None:
    screen.line("Listening on ", (server.url, "bold"))
    then = "" if script.then is None else f", then {script.then}"
    screen.paragraph(f"Each path plays the script from its start: {script}{then}. Ctrl-C ends.")


def show(screen: Screen, arrival: Arrival, *, as_json: bool) -> None:
    """Print a request, for people or as a line of JSON."""
    if as_json:
        print_json(arrival.document(), indent=None)
    else:
        for line in arrival.lines():
            screen.line(*line)
