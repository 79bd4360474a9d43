"""``worker``: what others put is sent, it is told, and a signal ends it cleanly."""

import json
import signal
import sqlite3
import subprocess

import pytest

from alarm_dispatch.cli import worker
from alarm_dispatch.outbox import StoredStatus
from tests.cli.kept import ALARM, put, stored
from tests.cli.runs import run, started
from tests.paths import ALARMS

TERMINAL = {"FORCE_COLOR": "1", "TERM": "xterm-256color", "NO_COLOR": None}


@pytest.fixture
def groups_file(tmp_path):
    """Writes the file of alarm groups, each of one callback with this URL, and gives its path."""

    def write(**urls):
        text = "".join(
            f'[{name}]\nschedule = {{delays = [0]}}\ncallbacks = [{{format = "tencent", url = "{url}", '
            f'name = "hooks", timeout = 2{fallback}}}]\n'
            for name, (url, fallback) in urls.items()
        )
        path = tmp_path / "groups.toml"
        path.write_text(text, "utf-8")
        return str(path)

    return write


def statuses(path):
    """How many there are of each status, by group."""
    found = {}
    for one in stored(path).values():
        found.setdefault(one.entry.lane.group, []).append(str(one.status))
    return found


def test_until_nothing_is_pending(loopback_receiver, groups_file, tmp_path):
    """What is there is sent, that of other groups stays, and the counts are told in the end."""
    receiver = loopback_receiver("500,confirm")
    path = put(tmp_path / "alarms.db", "oncall", "others")
    groups = groups_file(oncall=(receiver.url, ""))

    result = run("worker", "--outbox", path, "--groups", groups, "--until-empty")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"Serving {path} for oncall. Ctrl-C ends.",
        "delivered 1, failed 0, superseded 0; attempts: confirmed 1, rejected 1",
    ]
    assert statuses(path) == {"oncall": ["delivered"], "others": ["pending"]}


def test_what_it_does_not_serve_is_told(loopback_receiver, groups_file, tmp_path):
    """At the start and at the end, as what is of a group that was renamed would wait for ever."""
    path = put(tmp_path / "alarms.db", "oncall", "renamed", "others", "others")
    groups = groups_file(oncall=(loopback_receiver().url, ""))
    worked = ("worker", "--outbox", path, "--until-empty", "--groups")

    first = run(*worked, groups)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE alarm_dispatch_delivery SET status = 1 WHERE lane > 2")
    connection.close()
    second = run(*worked, groups)

    told = f"Pending, and not sent here as {groups} has no such group: "
    assert (first.exit_code, first.stderr) == (0, f"{told}others, renamed\n" * 2)
    assert (second.exit_code, second.stderr) == (0, f"{told}renamed\n" * 2)


def test_refused(loopback_receiver, groups_file, tmp_path):
    """What --egress does not allow is not sent, and dead, save for a callback with a policy of its own."""
    receiver = loopback_receiver()
    path = put(tmp_path / "alarms.db", "oncall", "inside")
    groups = groups_file(oncall=(receiver.url, ""), inside=(receiver.url, ', egress = "internal"'))

    result = run("worker", "--outbox", path, "--groups", groups, "--until-empty", "--egress", "public_only")

    assert result.exit_code == 0
    assert "EgressRefusedError: refused by the egress policy (loopback)" in result.stderr
    assert statuses(path) == {"oncall": ["dead"], "inside": ["delivered"]}
    assert len(receiver.requests) == 1


def test_nothing_is_there(groups_file, tmp_path):
    """The file is made, so that others can put into it."""
    path = str(tmp_path / "alarms.db")

    result = run(
        "worker", "--outbox", path, "--groups", groups_file(oncall=("http://h", "")), "--until-empty"
    )

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.endswith("\ndelivered 0, failed 0, superseded 0\n")
    assert stored(path) == {}


def test_a_dead_letter_is_told_and_its_fallback_sent(loopback_receiver, groups_file, tmp_path):
    """The fallback is waited for too; what became of it is in the outbox, so the exit code is 0."""
    bad, good = loopback_receiver("500"), loopback_receiver()
    path = put(tmp_path / "alarms.db", "oncall")
    groups = groups_file(oncall=(bad.url, ', fallback = "second"'), second=(good.url, ""))

    result = run("worker", "--outbox", path, "--groups", groups, "--until-empty")

    told = f"{ALARM.id} to hooks: rejected after 2 attempts: status 500, not 200\n"
    assert (result.exit_code, result.stderr) == (0, told)
    assert "\ndelivered 1, failed 1, superseded 0; attempts: confirmed 1, rejected 2\n" in result.stdout
    assert statuses(path) == {"oncall": ["dead"], "second": ["delivered"]}
    assert len(good.requests) == 1


def test_what_can_never_be_sent_is_counted(groups_file, tmp_path):
    """A damaged row is a dead letter, and the worker goes on."""
    path = put(tmp_path / "alarms.db", "oncall")
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE alarm_dispatch_content SET content = '{'")
    connection.close()
    groups = groups_file(oncall=("http://127.0.0.1:1", ""))

    result = run("worker", "--outbox", path, "--groups", groups, "--until-empty")

    assert result.exit_code == 0
    assert result.stdout.endswith("\ndelivered 0, failed 1, superseded 0\n")
    assert statuses(path) == {"oncall": ["dead"]}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(number, loopback_receiver, groups_file, tmp_path):
    """With exit code 0; a request that is out is waited for, and what waits for a retry stays."""
    receiver, late = loopback_receiver("500"), loopback_receiver("delay:0.3:confirm")
    path = put(tmp_path / "alarms.db", "late", "oncall")
    groups = groups_file(oncall=(receiver.url, ", schedule = {delays = [60]}"), late=(late.url, ""))

    with started("worker", "--outbox", path, "--groups", groups) as process:
        first = process.stdout.readline()
        receiver.wait_for(1, 10)
        late.wait_for(1, 10)
        process.send_signal(number)
        output, errors = process.communicate(timeout=20)

    assert first == f"Serving {path} for oncall, late. Ctrl-C ends.\n"
    assert (process.returncode, errors) == (0, "")
    assert output == "delivered 1, failed 0, superseded 0; attempts: confirmed 1, rejected 1\n"
    left = {one.entry.lane.group: one for one in stored(path).values()}
    assert left["late"].status is StoredStatus.DELIVERED
    assert left["oncall"].status is StoredStatus.PENDING
    assert [attempt.status_code for attempt in left["oncall"].attempts] == [500]


def test_a_second_ctrl_c_ends_it_at_once(loopback_receiver, groups_file, tmp_path):
    """It does not wait for the request that is out; the outbox keeps its delivery."""
    receiver = loopback_receiver("timeout")
    path = put(tmp_path / "alarms.db", "oncall")
    groups = groups_file(oncall=(receiver.url, ""))
    groups_text = tmp_path / "groups.toml"
    groups_text.write_text(groups_text.read_text().replace("timeout = 2", "timeout = 60"))

    with started("worker", "--outbox", path, "--groups", groups) as process:
        process.stdout.readline()
        receiver.wait_for(1, 10)
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=8)

    assert (process.returncode, errors) == (130, "")
    assert statuses(path) == {"oncall": ["pending"]}


def test_counts_are_told_now_and_then(loopback_receiver, groups_file, tmp_path, monkeypatch):
    """In a line when they have changed, where nothing can be drawn over."""
    monkeypatch.setattr(worker, "_TO_TELL", 0.0)
    receiver = loopback_receiver("500,delay:0.5:confirm")
    path = put(tmp_path / "alarms.db", "oncall")

    result = run(
        "worker", "--outbox", path, "--groups", groups_file(oncall=(receiver.url, "")), "--until-empty"
    )

    told = result.stderr.splitlines()
    assert len(told) == len(set(told))
    assert "delivered 0, failed 0, superseded 0; attempts: rejected 1" in told


def test_a_terminal_gets_a_bar(loopback_receiver, groups_file, tmp_path):
    """It is gone in the end, and the counts stay."""
    path = put(tmp_path / "alarms.db", "oncall")
    groups = groups_file(oncall=(loopback_receiver("delay:0.3:confirm").url, ""))

    result = run("worker", "--outbox", path, "--groups", groups, "--until-empty", env=TERMINAL)

    assert result.exit_code == 0
    assert "0/?" in result.stderr
    assert "confirmed" in result.stdout


def test_the_fast_transport(loopback_receiver, groups_file, tmp_path):
    """By aiohttp, on uvloop where it is installed."""
    pytest.importorskip("aiohttp")
    receiver = loopback_receiver()
    path = put(tmp_path / "alarms.db", "oncall")
    groups = groups_file(oncall=(receiver.url, ""))

    result = run("worker", "--outbox", path, "--groups", groups, "--until-empty", "--transport", "aiohttp")

    assert result.exit_code == 0
    assert json.loads(receiver.requests[0].content)["sessionId"] in stored(path)


TWICE = '[a]\ncallbacks = [{format = "tencent", url = "http://h"}, {format = "tencent", url = "http://h"}]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a]\n", "$.a.callbacks: is missing"),
        (TWICE, "has callbacks of one name"),
        ('[a]\ncallbacks = [{format = "tencent", url = "http://h", fallback = "b"}]', "'b' is none of"),
    ],
)
def test_wrong_groups(text, message, tmp_path):
    """They are told before anything is sent."""
    groups = tmp_path / "groups.toml"
    groups.write_text(text, "utf-8")

    result = run("worker", "--outbox", str(tmp_path / "alarms.db"), "--groups", str(groups))

    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


@pytest.mark.parametrize("missing", ["--outbox", "--groups"])
def test_what_must_be_given(missing):
    """An outbox and groups."""
    given = {"--outbox": "a.db", "--groups": "g.toml"}
    del given[missing]

    result = run("worker", *(word for pair in given.items() for word in pair))

    assert result.exit_code == 2
    assert f"Missing option '{missing}'" in result.stderr


def test_a_file_that_is_no_outbox(groups_file):
    """It is told before the worker says that it serves."""
    wrong = str(ALARMS / "tencent-event.en.json")

    result = run("worker", "--outbox", wrong, "--groups", groups_file(oncall=("http://h", "")))

    assert (result.exit_code, result.stdout) == (2, "")
    assert "is no SQLite database" in result.stderr


def test_signals_are_given_back(groups_file, tmp_path):
    """A program that runs the command goes on with its own handlers."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    run(
        "worker", "--outbox", str(tmp_path / "alarms.db"), "--until-empty",
        "--groups", groups_file(oncall=("http://h", "")),
    )  # fmt: skip

    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
