"""Robots end to end: each message confirmed on its own, signed anew, at the vendor's rate."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import pickle
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import attrs
import pytest

from alarm_dispatch import AlarmGroup, AsyncDispatcher, Callback, DispatchReport
from alarm_dispatch.exchange import Reply, Request
from alarm_dispatch.formats import dingtalk, feishu, wecom
from alarm_dispatch.testing import MemoryReceiver, VirtualClock

from .alarms import METRIC_ALARM, numbered

URL = "https://oapi.dingtalk.com/robot/send?access_token=t0k3n"
SECRET = "SEC0123456789abcdef"
LONG = attrs.evolve(METRIC_ALARM, description="\n".join(f"line {number} 告警" for number in range(700)))
ROBOTS = {"wecom": wecom.Format, "dingtalk": dingtalk.Format, "feishu": feishu.Format}
OK: dict[str, Any] = {"errcode": 0, "errmsg": "ok", "code": 0, "msg": "success"}


class Robot:
    """A robot that answers 200 with these codes, one after the other, and then 0."""

    def __init__(self, clock: VirtualClock, *codes: int) -> None:
        self._codes = list(codes)
        self.receiver = MemoryReceiver(self, now=clock.now)

    def __call__(self, request: Request) -> Reply:
        code = self._codes.pop(0) if self._codes else 0
        body = OK if code == 0 else {"errcode": code, "errmsg": "refused", "code": code, "msg": "refused"}
        return Reply(status_code=200, content=json.dumps(body).encode())

    @property
    def requests(self) -> Any:
        """What it was sent."""
        return self.receiver.requests

    @property
    def ids(self) -> list[str]:
        """The endings of the ids of what it was sent."""
        headers = [{key.lower(): value for key, value in one.headers} for one in self.requests]
        return [one["alarm-dispatch-id"].rpartition("~")[2] for one in headers]


def dispatch(clock: VirtualClock, robot: Robot, made: Any, *alarms: Any, **settings: Any) -> DispatchReport:
    """The alarms to one robot, in virtual time; the report of the last."""
    group = AlarmGroup("oncall", callbacks=[Callback(URL, format=made, **settings)])

    async def main() -> DispatchReport:
        async with AsyncDispatcher(transport=robot.receiver.transport, clock=clock) as dispatcher:
            handles = [await dispatcher.submit(alarm, group) for alarm in alarms]
            return [await handle.result() for handle in handles][-1]

    return clock.run(main())


def test_only_the_message_that_failed_is_sent_again(virtual_clock):
    """Each is confirmed by its own reply, and has its own attempts."""
    robot = Robot(virtual_clock, 0, -1, 0)

    report = dispatch(virtual_clock, robot, wecom.Format(), LONG)

    (delivery,) = report.deliveries
    count = len(robot.requests) - 1
    assert count > 2
    assert robot.ids == ["1", "2", "2", *map(str, range(3, count + 1))]
    assert delivery.status == "delivered"
    assert [attempt.verdict.value for attempt in delivery.attempts][:3] == [
        "confirmed",
        "unconfirmed",
        "confirmed",
    ]
    assert delivery.attempts[1].reason == "errcode is -1: refused"
    assert robot.receiver.arrivals[:3] == (0.0, 0.0, 5.0)
    assert robot.requests[1].content == robot.requests[2].content
    marks = [json.loads(one.content)["markdown"]["content"].split()[0] for one in robot.requests]
    assert marks[:3] == [f"(1/{count})", f"(2/{count})", f"(2/{count})"]


def test_a_final_answer_ends_the_delivery(virtual_clock):
    """A robot that is gone is not asked again, nor sent the other messages."""
    robot = Robot(virtual_clock, 0, 93000)

    report = dispatch(virtual_clock, robot, wecom.Format(), LONG)

    assert robot.ids == ["1", "2"]
    assert report.deliveries[0].status == "failed"
    assert report.deliveries[0].attempts[-1].reason == "errcode is 93000: refused"


@pytest.mark.parametrize(
    ("name", "code", "seconds"),
    [("wecom", 45009, 60.0), ("dingtalk", 130101, 600.0), ("feishu", 11232, 60.0)],
)
def test_a_throttled_robot_is_left_alone(virtual_clock, name, code, seconds):
    """As long as the vendor says, and then it is told."""
    robot = Robot(virtual_clock, code)

    report = dispatch(virtual_clock, robot, ROBOTS[name](), METRIC_ALARM)

    assert report.ok
    robot.receiver.assert_arrivals([0, seconds])


@pytest.mark.parametrize(
    ("name", "most", "window"), [("wecom", 20, 60), ("dingtalk", 20, 60), ("feishu", 5, 3)]
)
def test_the_vendors_rate_is_kept(virtual_clock, name, most, window):
    """Without a word in the callback; parts of a message count like others."""
    robot = Robot(virtual_clock)

    report = dispatch(virtual_clock, robot, ROBOTS[name](), LONG, *map(numbered, range(50)))

    arrivals = robot.receiver.arrivals
    assert report.ok
    assert len(arrivals) > 50
    assert all(later - earlier >= window for earlier, later in zip(arrivals, arrivals[most:], strict=False))
    assert arrivals[-1] >= window * ((len(arrivals) - 1) // most)


def test_a_callback_may_switch_the_rate_off(virtual_clock):
    """False is no rate, as for any format that has one."""
    robot = Robot(virtual_clock)

    dispatch(virtual_clock, robot, wecom.Format(), *map(numbered, range(50)), rate=False)

    assert max(robot.receiver.arrivals) == 0


def test_dingtalk_signs_each_attempt_anew(virtual_clock):
    """The signature has the time of the attempt; the body stays the same."""
    robot = Robot(virtual_clock, -1, -1)
    before = virtual_clock.now()

    report = dispatch(virtual_clock, robot, dingtalk.Format(secret=SECRET), METRIC_ALARM)

    assert report.ok
    times = [before + timedelta(seconds=seconds) for seconds in (0, 5, 15)]
    for request, time in zip(robot.requests, times, strict=True):
        query = parse_qs(urlsplit(request.target).query)
        stamp = str(round(time.timestamp() * 1000))
        signed = hmac.digest(SECRET.encode(), f"{stamp}\n{SECRET}".encode(), hashlib.sha256)
        assert query == {
            "access_token": ["t0k3n"],
            "timestamp": [stamp],
            "sign": [base64.b64encode(signed).decode()],
        }
    assert len({request.content for request in robot.requests}) == 1


def test_feishu_signs_each_attempt_anew(virtual_clock):
    """In the body, so that no two are alike."""
    robot = Robot(virtual_clock, -1)

    dispatch(virtual_clock, robot, feishu.Format(secret=SECRET), METRIC_ALARM)

    first, second = (json.loads(request.content) for request in robot.requests)
    assert int(second.pop("timestamp")) - int(first.pop("timestamp")) == 5
    assert first.pop("sign") != second.pop("sign")
    assert first == second
    assert int(dict(robot.requests[0].headers).get("Content-Length", "0")) in {
        0,
        len(robot.requests[0].content),
    }


@pytest.mark.parametrize("made", [dingtalk.Format(secret=SECRET), feishu.Format(secret=SECRET)])
def test_neither_secret_nor_token_is_told(virtual_clock, made):
    """Whatever a robot echoes."""
    echoed = []

    def echo(request: Request) -> Reply:
        echoed.append(request)
        told = {
            "errcode": 1,
            "code": 1,
            "errmsg": f"{request.url} {SECRET}",
            "msg": f"{request.url} {SECRET}",
        }
        return Reply(status_code=200, content=json.dumps(told).encode())

    robot = Robot(virtual_clock)
    robot.receiver = MemoryReceiver(echo, now=virtual_clock.now)

    report = dispatch(virtual_clock, robot, made, METRIC_ALARM)

    told = repr(report) + str(report.deliveries[0].outcome) + report.deliveries[0].attempts[0].reason
    assert not report.ok
    assert SECRET not in told
    assert "t0k3n" not in told
    assert SECRET.encode() not in pickle.dumps(report)
    for request in echoed:
        for sign in parse_qs(urlsplit(request.url).query).get("sign", []):
            assert sign not in told
            assert quote(sign, safe="") not in told


def test_a_robot_that_refuses_harms_no_other(virtual_clock):
    """The group's other callbacks are told at once, and theirs are confirmed."""
    refusing, other = Robot(virtual_clock, *[-1] * 9), Robot(virtual_clock)
    group = AlarmGroup(
        "oncall",
        callbacks=[
            Callback(URL, format="dingtalk", transport=refusing.receiver.transport, name="refusing"),
            Callback(
                "https://qyapi.weixin.qq.com/x",
                format="wecom",
                transport=other.receiver.transport,
                name="other",
            ),
        ],
    )

    async def main() -> DispatchReport:
        async with AsyncDispatcher(clock=virtual_clock) as dispatcher:
            return await dispatcher.dispatch(METRIC_ALARM, group)

    report = virtual_clock.run(main())

    assert [delivery.status for delivery in report.deliveries] == ["failed", "delivered"]
    assert len(report.deliveries[0].attempts) == 3
    assert len(report.deliveries[1].attempts) == 1


@pytest.mark.parametrize("name", ROBOTS)
def test_a_robots_url_is_verified_by_a_test_message(virtual_clock, name):
    """People read it; one that is refused tells why."""

    def verify(robot: Robot) -> Any:
        async def main() -> Any:
            async with AsyncDispatcher(transport=robot.receiver.transport, clock=virtual_clock) as dispatcher:
                return await dispatcher.verify(Callback(URL, format=name))

        return virtual_clock.run(main())

    good, bad = Robot(virtual_clock), Robot(virtual_clock, 310000)
    assert verify(good).status == "delivered"
    assert "测试消息" in good.requests[0].content.decode()
    assert "is 310000: refused" in verify(bad).attempts[0].reason
    assert len(bad.requests) == 1
