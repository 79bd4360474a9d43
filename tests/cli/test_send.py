"""``send``: the report, the exit codes, and what is told on the way."""

import json
import signal

import pytest

from tests.cli.runs import ran, run, started
from tests.paths import ALARMS

METRIC = str(ALARMS / "tencent-metric.zh.json")
EVENT = str(ALARMS / "tencent-event.en.json")
AT_ONCE = ("--delays", "0,0")


def groups_file(tmp_path, text):
    """A file of alarm groups with this content."""
    path = tmp_path / "groups.toml"
    path.write_text(text, "utf-8")
    return str(path)


def group_text(name, *callbacks):
    """One group as TOML; each callback is (format, URL)."""
    written = ", ".join(f'{{format = "{form}", url = "{url}"}}' for form, url in callbacks)
    return f"[groups.{name}]\ncallbacks = [{written}]\n"


def test_delivered(loopback_receiver):
    """Each attempt is told on standard error, the report on standard output, and the exit code is 0."""
    receiver = loopback_receiver("500,200")

    result = run("send", METRIC, "--format", "tencent", "--url", receiver.url, *AT_ONCE)

    assert result.exit_code == 0
    first, second = result.stderr.splitlines()
    assert first.endswith(f"tencent {receiver.url}: attempt 1 rejected (status 500, not 200), next in 0 s")
    assert second.endswith(f"tencent {receiver.url}: attempt 2 confirmed")
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[0][:3] == ["delivered", "tencent", receiver.url]
    assert [row[0] for row in rows if row[:1] in (["1"], ["2"])] == ["1", "2"]
    assert "rejected   status 500, not 200" in result.stdout
    assert receiver.requests[0].content == receiver.requests[1].content


def test_failed(loopback_receiver):
    """A delivery that fails is exit code 1."""
    receiver = loopback_receiver("503")

    result = run("send", METRIC, "--format", "tencent", "--url", receiver.url, *AT_ONCE)

    assert result.exit_code == 1
    assert result.stdout.startswith(f"failed  tencent {receiver.url}")
    assert len(receiver.requests) == 3


def test_refused(loopback_receiver):
    """What --egress does not allow is not sent and not tried again; the exit code is 1."""
    receiver = loopback_receiver()
    to = ("--format", "tencent", "--url", receiver.url, "--egress", "public_only")

    result = run("send", METRIC, *to, *AT_ONCE, env={"COLUMNS": "200"})

    assert result.exit_code == 1
    assert f"refused by the egress policy (loopback): {receiver.url}" in result.stdout
    assert "attempt 1 refused" in result.stderr
    assert "attempt 2" not in result.stderr
    assert receiver.requests == ()


def test_no_secret_is_shown(loopback_receiver):
    """User, password and query values of the URL stay hidden."""
    receiver = loopback_receiver("500")
    url = receiver.url.replace("://", "://user:pass-word@") + "/a?token=open-sesame"

    plain = run("send", METRIC, "--format", "tencent", "--url", url, "--attempts", "1")
    document = run("send", METRIC, "--format", "tencent", "--url", url, "--attempts", "1", "--json")

    for text in (plain.output, document.output):
        assert "/a?token=***" in text
        assert "sesame" not in text
        assert "pass-word" not in text


def test_json(loopback_receiver):
    """``--json`` prints one document with every attempt."""
    receiver = loopback_receiver("500,200")

    result = run(
        "send", METRIC, "--format", "tencent", "--url", receiver.url, "--json", "--session-id", "s-1",
        "--delays", "0.001", "--dialect", "observed", "--option", "utc_offset=0",
    )  # fmt: skip

    document = json.loads(result.stdout)
    (delivery,) = document.pop("deliveries")
    first, second = delivery.pop("attempts")
    name = f"tencent {receiver.url}"
    assert document == {"ok": True, "alarm_id": "alarm-metric-1", "group": "command line"}
    assert delivery == {
        "id": "s-1",
        "callback": name,
        "format": "tencent",
        "url": receiver.url,
        "status": "delivered",
        "error": None,
    }
    assert first.pop("started_at") < second.pop("started_at")
    assert first.pop("duration") > 0
    assert second.pop("duration") > 0
    assert first == {
        "number": 1,
        "verdict": "rejected",
        "status_code": 500,
        "reason": "status 500, not 2xx",
        "retry_in": 0.001,
    }
    assert second == {
        "number": 2,
        "verdict": "confirmed",
        "status_code": 200,
        "reason": "",
        "retry_in": None,
    }
    assert json.loads(receiver.requests[0].content)["sessionId"] == "s-1"


def test_the_body_cannot_be_built():
    """An alarm that the format cannot tell is exit code 2, and nothing is sent."""
    result = run("send", EVENT, "--format", "aliyun", "--url", "http://127.0.0.1:1")
    document = run("send", EVENT, "--format", "aliyun", "--url", "http://127.0.0.1:1", "--json")

    told = "UnsupportedAlarmError: format aliyun has no payload for an event, only for metrics"
    assert result.exit_code == 2
    assert result.stderr == f"aliyun http://127.0.0.1:1: {told}\n"
    assert json.loads(document.stdout)["deliveries"][0]["error"] == told
    assert json.loads(document.stdout)["deliveries"][0]["attempts"] == []


def test_a_group(loopback_receiver, tmp_path):
    """Every callback of the group is told; one that cannot be built does not stop the others."""
    receiver = loopback_receiver()
    path = groups_file(
        tmp_path,
        group_text("ops", ("tencent", f"{receiver.url}/a"), ("aliyun", f"{receiver.url}/b"))
        + group_text("none", ("aliyun", "http://127.0.0.1:1")),
    )

    result = run("send", EVENT, "--groups", path, "--group", "ops", "--json")

    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert document["group"] == "ops"
    assert [delivery["status"] for delivery in document["deliveries"]] == ["delivered", "failed"]
    assert [request.path for request in receiver.requests] == ["/a"]


def test_the_only_group_needs_no_name(loopback_receiver, tmp_path):
    """Where a file has one group, that is meant."""
    receiver = loopback_receiver()
    path = groups_file(tmp_path, group_text("ops", ("tencent", receiver.url)))

    assert run("send", METRIC, "--groups", path).exit_code == 0
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "has 2 groups, say which; there are: one, two"),
        (["--group", "three"], "has no group 'three'; there are: one, two"),
        (["--group", "two", "--session-id", "s"], "--session-id names one delivery"),
        (["--group", "one", "--dialect", "observed"], "a callback of a file has its own"),
    ],
)
def test_groups_that_are_not_clear(arguments, message, tmp_path):
    """Which group is meant, or what would be needed, is told with exit code 2."""
    nowhere = ("tencent", "http://127.0.0.1:1")
    path = groups_file(tmp_path, group_text("one", nowhere) + group_text("two", nowhere, nowhere))

    result = run("send", METRIC, "--groups", path, *arguments)

    assert result.exit_code == 2
    assert message in result.stderr


def test_wrong_groups_are_told_with_their_path(tmp_path):
    """A group file's problems name the path of the field."""
    path = groups_file(tmp_path, group_text("ops", ("tencent", "http://127.0.0.1:1"), ("x", "http://h")))

    result = run("send", METRIC, "--groups", path)

    assert result.exit_code == 2
    assert "$.groups.ops.callbacks[1].format: unknown format 'x'" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "attempts"),
    [
        (["--attempts", "2"], 2),
        (["--delays", "0"], 2),
        (["--delays", ""], 1),
        (["--delays", "0", "--attempts", "4"], 4),
        (["--timeout", "0.05"], 3),
    ],
)
def test_rules_of_the_command_line_win(arguments, attempts, loopback_receiver, tmp_path):
    """Timeout, attempts and delays win over those of the file, and what is not given stays."""
    receiver = loopback_receiver("timeout" if "--timeout" in arguments else "500")
    path = groups_file(
        tmp_path,
        f'name = "ops"\nschedule = {{delays = [0, 0]}}\n'
        f'callbacks = [{{format = "tencent", url = "{receiver.url}", timeout = 2}}]\n',
    )

    result = run("send", METRIC, "--groups", path, *arguments)

    told = result.stderr.splitlines()
    assert result.exit_code == 1
    assert len(told) == attempts
    assert all(("timed out" in line) == ("--timeout" in arguments) for line in told)


def test_ctrl_c_prints_what_is_settled(loopback_receiver, tmp_path):
    """Ctrl-C ends with 130, and the report tells what had been delivered by then."""
    receiver = loopback_receiver("timeout")
    good = loopback_receiver()
    path = groups_file(tmp_path, group_text("ops", ("tencent", receiver.url), ("tencent", good.url)))

    with started("send", METRIC, "--groups", path, "--json") as process:
        receiver.wait_for(1, 10)
        assert "attempt 1 confirmed" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=10)

    document = json.loads(output)
    assert process.returncode == 130
    assert [delivery["status"] for delivery in document["deliveries"]] == ["failed", "delivered"]
    assert document["deliveries"][0]["error"].startswith("DispatcherClosedError: ")
    assert document["ok"] is False


def test_ctrl_c_before_anything_is_settled(monkeypatch):
    """Nothing is printed when there is nothing to tell."""

    def interrupt(coroutine):
        coroutine.close()
        raise KeyboardInterrupt

    monkeypatch.setattr("alarm_dispatch.cli.send.asyncio.run", interrupt)

    result = run("send", METRIC, "--format", "tencent", "--url", "http://127.0.0.1:1")

    assert (result.exit_code, result.output) == (130, "")


def test_as_a_process(loopback_receiver):
    """A failing receiver is exit code 1 of the process."""
    receiver = loopback_receiver("500")

    done = ran("send", METRIC, "--format", "tencent", "--url", receiver.url, "--attempts", "1")

    assert done.returncode == 1
    assert done.stdout.startswith(b"failed  tencent http://127.0.0.1:")
