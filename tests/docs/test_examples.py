"""Every example runs as it is, and tells what it is there to tell."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ..paths import ROOT

EXAMPLES = ROOT / "examples"

# What must occur in the output, in this order.
TOLD = {
    "asynchronous.py": ["100 of 100 delivered", "'confirmed': 100"],
    "from_config.py": [
        "our own robot, 5 attempts",
        "all confirmed: True",
        "$.callbacks[0].timeout: must be more than 0 seconds, not -1",
        "$.callbacks[0].url: must be an http or https URL",
    ],
    "outbox_worker.py": [
        "delivered 2, failed 1, superseded 0; attempts: confirmed 2, rejected 2",
        "robot: dead, attempts: 2",
        "second: delivered, attempts: 1",
        "robot is dead: status 500, not 200",
        "delivered 1, failed 0",
        "robot: delivered, attempts: 3",
    ],
    "own_confirmation.py": [
        "delivered ['unconfirmed: errcode is 310000, not 0', 'confirmed: ']",
        "delivered ['unconfirmed: the body is no JSON object', 'confirmed: ']",
    ],
    "own_format.py": ["True", '"from": "east"', '"state": "triggered"'],
    "own_transport.py": ["delivered to alarm-dispatch/"],
    "quickstart.py": ["attempt 1: rejected status 500, not 200", "attempt 2: confirmed"],
    "receiver_side.py": ["test 100", "delivered"],
    "repeats.py": [
        "singleAlarm: 1 times, after 0 h",
        "continuousAlarm: 30 times, after 72 h, 96 h, 120 h, 144 h",
        "exponentialAlarm: 10 times, after 10.5 h, 21.17 h, 42.5 h, 85.17 h",
        "triggered -> first",
        "triggered -> nothing",
        "resolved -> resolved",
        "resolved -> nothing",
        "received: [1, 0]",
    ],
    "signed_callbacks.py": [
        "taken",
        "a repeat",
        "['rejected', 'confirmed']",
        "refused, missing header: the header webhook-id is missing",
        "['rejected', 'rejected']",
    ],
    "storm.py": [
        "500 of 500 alarms confirmed by both",
        "drained: False",
        "dead: 0 delivered",
        "circuit open",
        "first: 500 delivered, 0 waiting, circuit off",
        "1500 submitted, 500 not delivered",
    ],
    "tencent_dimensions.py": ["'vport': 443", "missing keys: redis_uuid", "20 metric shapes, 7 event shapes"],
    "transactional_put.py": [
        "alarm-1: the monitoring system has a bad day",
        "alarms: ['alarm-0', 'alarm-2']",
        "to be sent: ['alarm-0', 'alarm-2']",
        "alarm-2 delivered attempts: 1",
    ],
    "verify_url.py": ["/ready: verified", "/moved: rejected", "/broken: unknown"],
}


def run(*arguments: str) -> str:
    """What Python prints; its warnings are errors."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    return ran.stdout


@pytest.mark.parametrize("name", TOLD)
def test_an_example_runs(name):
    """It needs nothing but the loopback interface, and ends well."""
    told = run(str(EXAMPLES / name))

    position = 0
    for words in TOLD[name]:
        assert words in told[position:]
        position = told.index(words, position) + len(words)


def test_the_example_of_a_users_own_test_passes():
    """It is run by pytest, as a user would."""
    told = run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLES / "test_callbacks_respx.py"))

    assert "5 passed" in told


def test_no_example_is_left_out():
    """A new file has its words above, or is a test."""
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*TOLD, "test_callbacks_respx.py"}
