"""``demo``: it ends in seconds with everything delivered, on a terminal and without one."""

import json
import time

import pytest

from alarm_dispatch.cli import demo
from alarm_dispatch.cli.demo import Pace
from tests.cli.runs import ran, run

QUICK = Pace(waits=1 / 200, timeouts=1 / 6)


@pytest.fixture
def quick(monkeypatch):
    """A demonstration that takes a second."""
    monkeypatch.setattr(demo, "SHORT", QUICK)


def test_as_a_process():
    """From the installed package, without a terminal, it ends in seconds with a whole table."""
    began = time.monotonic()

    done = ran("demo")

    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 10
    output = done.stdout.decode()
    assert "4 of 4 delivered after 13 attempts, 9 of which failed." in output
    assert "waits to 1/20, timeouts to 1/5 of the documented time" in output
    assert output.count(" confirmed ") == 4
    assert b"\x1b" not in done.stdout


def test_the_table(quick):
    """Every format shows its attempts with status, verdict and reason, in 80 columns."""
    result = run("demo")

    assert result.exit_code == 0
    for name in ("blueking", "tencent", "tencent_legacy", "aliyun"):
        assert f"\n{name} " in result.stdout
    for verdict in ("rejected", "unconfirmed", "unknown", "confirmed"):
        assert verdict in result.stdout
    assert "status 500, not 200" in result.stdout
    assert "retCode is 1, not 0" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert len(result.stderr.splitlines()) == 13


def test_on_a_terminal(quick):
    """A terminal sees the table drawn over itself in colour, with what is still to come."""
    result = run("demo", env={"FORCE_COLOR": "1", "TERM": "xterm-256color", "NO_COLOR": None})

    assert result.exit_code == 0
    assert "\x1b[1A" in result.stdout
    assert "\x1b[32mconfirmed" in result.stdout
    assert "sending" in result.stdout
    assert "to come" in result.stdout
    assert result.stderr == ""


def test_no_color(quick):
    """NO_COLOR leaves the table its movement and takes its colours."""
    result = run("demo", env={"FORCE_COLOR": "1", "TERM": "xterm-256color", "NO_COLOR": "1"})

    assert "\x1b[1A" in result.stdout
    assert "\x1b[32m" not in result.stdout


def test_json(quick):
    """``--json`` prints the report, and at which pace it came about."""
    result = run("demo", "--json")

    document = json.loads(result.stdout)
    assert document["ok"] is True
    assert document["pace"] == {"waits": 1 / 200, "timeouts": 1 / 6}
    assert [len(delivery["attempts"]) for delivery in document["deliveries"]] == [3, 3, 3, 4]


def test_real_time(monkeypatch):
    """``--real-time`` keeps the documented waits and says how long that takes."""
    monkeypatch.setattr(demo, "REAL", QUICK)

    result = run("demo", "--real-time")

    assert "the documented ones, so this takes about 40 seconds" in result.stdout
    assert "Shortened" not in result.stdout


def test_the_pace_of_real_time():
    """At the real pace a callback has its format's own rules."""
    callback = demo.REAL.callback("aliyun", "http://127.0.0.1:1")

    assert (callback.timeout, callback.schedule) == (5.0, callback.format.rules.schedule)


def test_a_failure_is_exit_code_1(quick, monkeypatch):
    """Should a receiver never confirm, the demonstration says so."""
    monkeypatch.setattr(demo, "_RECEIVERS", {"blueking": demo._Receiver("500", "always 500")})

    result = run("demo")

    assert result.exit_code == 1
    assert "0 of 1 delivered after 3 attempts, 3 of which failed." in result.stdout
