"""How a user's own test may look: respx answers, the virtual clock waits, no socket is opened.

Run it with ``python -m pytest examples/test_callbacks_respx.py``; the fixture comes with the package.
"""

import json
from pathlib import Path

import httpx
import pytest
import respx

from alarm_dispatch import AlarmGroup, Callback, Dispatcher, Verdict, load_alarm
from alarm_dispatch.testing import VirtualClock

ALARM = load_alarm(Path(__file__).parent / "alarms" / "tencent-metric.en.json")
URL = "https://ops.example.com/alarms"
GROUP = AlarmGroup("oncall", callbacks=[Callback(URL, format="tencent")])


def test_a_failing_receiver_is_tried_again(virtual_clock: VirtualClock) -> None:
    """Attempts at 0, 5 and 15 s, with the same body each time."""
    with respx.mock as mocked, Dispatcher(clock=virtual_clock) as dispatcher:
        route = mocked.post(URL).mock(
            side_effect=[httpx.ConnectError("no"), httpx.Response(503), httpx.Response(200)]
        )
        report = dispatcher.dispatch(ALARM, GROUP)

    assert report.ok
    assert virtual_clock.elapsed == 15.0
    verdicts = [attempt.verdict for attempt in report.deliveries[0].attempts]
    assert verdicts == [Verdict.UNREACHABLE, Verdict.REJECTED, Verdict.CONFIRMED]
    assert len({call.request.content for call in route.calls}) == 1


@pytest.mark.parametrize("status", [201, 302, 404, 500])
def test_only_200_confirms(virtual_clock: VirtualClock, status: int) -> None:
    """The documented dialect takes nothing else."""
    with respx.mock as mocked, Dispatcher(clock=virtual_clock) as dispatcher:
        route = mocked.post(URL).respond(status)
        report = dispatcher.dispatch(ALARM, GROUP)

    assert not report.ok
    assert route.call_count == 3
    assert json.loads(route.calls[0].request.content)["sessionId"] == report.deliveries[0].id
