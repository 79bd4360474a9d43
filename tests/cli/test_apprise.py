"""Services of Apprise on the command line."""

from __future__ import annotations

import json
from typing import Any

from tests.cli.runs import run
from tests.paths import ALARMS

_ALARM = str(ALARMS / "tencent-metric.en.json")


def test_send_needs_no_format(loopback_receiver: Any, monkeypatch: Any) -> None:
    """The URL says it; options are those of its format, and nothing of the URL is shown."""
    receiver = loopback_receiver(200)
    monkeypatch.setenv("SERVICE", f"apprise:{receiver.url.replace('http', 'json', 1)}/open-sesame")

    result = run("send", _ALARM, "--url", "env:SERVICE", "--option", "language=zh")

    assert result.exit_code == 0, result.output
    assert "sesame" not in result.output
    assert receiver.requests[0].json()["message"].startswith("策略：test")


def test_a_refusal_is_told(loopback_receiver: Any) -> None:
    """With the status and the words of the service."""
    receiver = loopback_receiver(401)
    url = f"apprise:{receiver.url.replace('http', 'json', 1)}/open-sesame"

    result = run("send", _ALARM, "--url", url, "--attempts", "1", "--json")

    assert result.exit_code == 1
    (delivery,) = json.loads(result.stdout)["deliveries"]
    assert delivery["url"] == "apprise:json://***"
    assert delivery["attempts"][0]["status_code"] == 401
    assert "error=401" in delivery["attempts"][0]["reason"]
    assert "sesame" not in result.output


def test_a_policy_that_apprise_would_not_keep() -> None:
    """Nothing is sent."""
    result = run("send", _ALARM, "--url", "apprise:json://127.0.0.1:1", "--egress", "public_only")

    assert result.exit_code == 1
    assert "through Apprise" in " ".join(result.output.split())


def test_verify_sends_a_test(loopback_receiver: Any) -> None:
    """A message that says what it is."""
    receiver = loopback_receiver(200)

    result = run("verify", "--url", f"apprise:{receiver.url.replace('http', 'json', 1)}")

    assert result.exit_code == 0, result.output
    assert receiver.requests[0].json()["title"] == "Test message"


def test_render_takes_the_url() -> None:
    """As it does any callback's."""
    result = run("render", _ALARM, "--format", "apprise", "--url", "apprise:json://h.example")
    wrong = run("render", _ALARM, "--format", "apprise", "--url", "apprise:open-sesame")

    assert json.loads(result.stdout)["type"] == "warning"
    assert wrong.exit_code == 2
    assert "sesame" not in wrong.output
