"""``send --outbox``: on disk first, what is not settled stays, and only what was sent is counted."""

import json
import signal

import pytest

from alarm_dispatch.errors import OutboxUnavailableError
from alarm_dispatch.outbox import SqliteOutbox
from tests.cli.kept import put, stored
from tests.cli.runs import run, started
from tests.paths import ALARMS

METRIC = str(ALARMS / "tencent-metric.en.json")
ALARM = json.loads((ALARMS / "tencent-metric.en.json").read_text("utf-8"))
EVENT = json.loads((ALARMS / "tencent-event.en.json").read_text("utf-8"))


@pytest.fixture
def outbox(tmp_path):
    """The path of an outbox that is not there yet."""
    return str(tmp_path / "alarms.db")


@pytest.fixture
def groups_file(tmp_path):
    """Writes groups of one callback each and gives the file's path; what is behind the URL is added."""

    def write(**urls):
        text = "".join(
            f'[{name}]\ncallbacks = [{{format = "tencent", url = "{url}", name = "hooks"{more}}}]\n'
            for name, (url, more) in urls.items()
        )
        path = tmp_path / "groups.toml"
        path.write_text(text, "utf-8")
        return str(path)

    return write


@pytest.fixture
def alarms_file(tmp_path):
    """Writes a file with an alarm of each id in a line, and gives its path."""

    def write(*ids, alarm=ALARM):
        path = tmp_path / "alarms.jsonl"
        path.write_text("".join(json.dumps({**alarm, "id": one}) + "\n" for one in ids), "utf-8")
        return str(path)

    return write


def told(outbox):
    """The status of each delivery, by its group and its alarm."""
    return {(one.entry.lane.group, one.entry.alarm_id): str(one.status) for one in stored(outbox).values()}


def test_delivered(outbox, loopback_receiver):
    """Under the id that is in the file; a URL alone is a group of its own."""
    receiver = loopback_receiver()

    result = run(
        "send",
        METRIC,
        "--format",
        "tencent",
        "--url",
        receiver.url,
        "--outbox",
        outbox,
        "--session-id",
        "s-1",
    )

    (one,) = stored(outbox).values()
    assert result.exit_code == 0
    assert (one.entry.id, str(one.status)) == ("s-1", "delivered")
    assert one.entry.lane == (f"tencent {receiver.url}", f"tencent {receiver.url}")
    assert json.loads(receiver.requests[0].content)["sessionId"] == "s-1"


def test_the_fallback_is_put(outbox, groups_file, loopback_receiver):
    """With the dead letter in one step; it is no delivery of this command, which tells its own only."""
    groups = groups_file(
        oncall=(loopback_receiver("500").url, ', fallback = "second"'),
        second=(loopback_receiver("timeout").url, ', fallback = "third"'),
        third=("http://127.0.0.1:1", ', fallback = "oncall"'),
        apart=("http://127.0.0.1:1", ""),
    )

    result = run(
        "send", METRIC, "--groups", groups, "--group", "oncall", "--outbox", outbox, "--delays", "0",
        "--session-id", "s-1", "--json",
    )  # fmt: skip

    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [delivery["id"] for delivery in document["deliveries"]] == ["s-1"]
    assert told(outbox) == {("oncall", ALARM["id"]): "dead", ("second", ALARM["id"]): "pending"}


def test_a_fallback_takes_an_outbox(groups_file):
    """It would not be told otherwise, so it is said before anything is sent."""
    groups = groups_file(oncall=("http://127.0.0.1:1", ', fallback = "second"'), second=("http://h", ""))

    for arguments in ([METRIC], ["--many", METRIC]):
        result = run("send", *arguments, "--groups", groups, "--group", "oncall")

        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == "Error: callback hooks has a fallback, which takes --outbox FILE\n"


def test_ctrl_c_leaves_it_to_the_next(outbox, groups_file, loopback_receiver):
    """What waits for a retry is sent by a later command to the group, which does not report it as its own."""
    receiver = loopback_receiver("500,confirm")
    groups = groups_file(oncall=(receiver.url, ""))

    with started("send", METRIC, "--groups", groups, "--outbox", outbox, "--delays", "1") as process:
        assert "attempt 1 rejected" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    left = told(outbox)
    again = run(
        "send",
        METRIC,
        "--groups",
        groups,
        "--outbox",
        outbox,
        "--json",
        "--session-id",
        "s-2",
        "--delays",
        "0",
    )

    assert process.returncode == 130
    assert left == {("oncall", ALARM["id"]): "pending"}
    assert [delivery["id"] for delivery in json.loads(again.stdout)["deliveries"]] == ["s-2"]
    assert len(again.stderr.splitlines()) == 1


def test_a_file_that_is_no_outbox(groups_file):
    """It is told with exit code 2, and nothing is sent."""
    groups = groups_file(oncall=("http://127.0.0.1:1", ""))

    for arguments in ([METRIC], ["--many", METRIC]):
        result = run("send", *arguments, "--groups", groups, "--outbox", METRIC)

        assert (result.exit_code, result.stdout) == (2, "")
        assert "is no SQLite database" in result.stderr


def test_many(outbox, groups_file, alarms_file, loopback_receiver):
    """All are in the file, and only those of this run are counted."""
    put(outbox, "oncall")
    groups = groups_file(oncall=(loopback_receiver("delay:0.1:confirm").url, ""))

    result = run(
        "send", "--many", alarms_file("a", "b", "c"), "--groups", groups, "--outbox", outbox, "--delays", "0"
    )

    assert result.exit_code == 0
    assert result.stdout.startswith("3 alarms, 3 deliveries in ")
    assert "\ndelivered 3, failed 0, superseded 0\nattempts: confirmed 3\n" in result.stdout
    assert {alarm: status for (_, alarm), status in told(outbox).items() if len(alarm) == 1} == dict.fromkeys(
        "abc", "delivered"
    )


def test_many_are_interrupted(outbox, groups_file, alarms_file, loopback_receiver):
    """What was not settled stays, and that is told."""
    receiver = loopback_receiver("timeout")
    groups = groups_file(oncall=(receiver.url, ""))

    with started("send", "--many", alarms_file("a", "b"), "--groups", groups, "--outbox", outbox) as process:
        receiver.wait_for(2, 10)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)

    assert process.returncode == 130
    assert "interrupted: what was not settled stays in the outbox, what was not read was not sent" in errors
    assert told(outbox) == {("oncall", "a"): "pending", ("oncall", "b"): "pending"}


def test_many_and_the_outbox_breaks_off(outbox, groups_file, alarms_file, loopback_receiver, monkeypatch):
    """What it does not take is not sent; what was sent before is told."""
    receiver = loopback_receiver()
    enqueue = SqliteOutbox.enqueue

    def full(self, entries, **given):
        if any(entry.alarm_id == "b" for entry in entries):
            raise OutboxUnavailableError("the disk is full")
        return enqueue(self, entries, **given)

    monkeypatch.setattr(SqliteOutbox, "enqueue", full)

    result = run(
        "send", "--many", alarms_file("a", "b", "c"), "--groups", groups_file(oncall=(receiver.url, "")),
        "--outbox", outbox, "--json",
    )  # fmt: skip

    *failed, summary = map(json.loads, result.stdout.splitlines())
    assert result.exit_code == 1
    assert "the rest is not sent: the disk is full\n" in result.stderr
    assert [one["alarm_id"] for one in failed] == ["b"]
    assert (summary["ok"], summary["alarms"], summary["delivered"], summary["failed"]) == (False, 2, 1, 1)
    assert told(outbox) == {("oncall", "a"): "delivered"}
