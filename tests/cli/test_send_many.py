"""``send --many``: every line is sent or told, on a terminal and without one, and Ctrl-C ends it."""

import json
import os
import signal
import subprocess
import sys

import pytest

from alarm_dispatch.cli import many
from tests.cli.runs import run, started
from tests.paths import ALARMS

METRIC = json.loads((ALARMS / "tencent-metric.en.json").read_text("utf-8"))
EVENT = json.loads((ALARMS / "tencent-event.en.json").read_text("utf-8"))
NOWHERE = ("--format", "tencent", "--url", "http://127.0.0.1:1")
TERMINAL = {"FORCE_COLOR": "1", "TERM": "xterm-256color", "NO_COLOR": None}


def written(*ids, alarm=METRIC):
    """Alarms with these ids, one in a line."""
    return "".join(json.dumps({**alarm, "id": one}) + "\n" for one in ids)


def numbered(count):
    """That many alarms."""
    return written(*(f"alarm-{number}" for number in range(count)))


@pytest.fixture
def alarms_file(tmp_path):
    """Writes the file of alarms and gives its path."""

    def write(text):
        path = tmp_path / "alarms.jsonl"
        path.write_text(text, "utf-8")
        return str(path)

    return write


def to(receiver):
    """The destination's options."""
    return ("--format", "tencent", "--url", receiver.url)


def test_all_are_delivered(loopback_receiver, alarms_file):
    """Each line is one request; the counts are on standard output, and the exit code is 0."""
    receiver = loopback_receiver()

    result = run("send", "--many", alarms_file(numbered(30)), *to(receiver))

    first, *others = result.stdout.splitlines()
    assert (result.exit_code, result.stderr) == (0, "")
    assert first.startswith("30 alarms, 30 deliveries in ")
    assert others == ["delivered 30, failed 0, superseded 0", "attempts: confirmed 30"]
    assert len({json.loads(request.content)["sessionId"] for request in receiver.requests}) == 30


def test_refused(loopback_receiver, alarms_file):
    """What --egress does not allow is not sent, and counted as failed."""
    receiver = loopback_receiver()

    result = run("send", "--many", alarms_file(numbered(3)), *to(receiver), "--egress", "public_only")

    assert result.exit_code == 1
    assert result.stdout.splitlines()[1:] == ["delivered 0, failed 3, superseded 0", "attempts: refused 3"]
    assert receiver.requests == ()


def test_json_sums_up(loopback_receiver, alarms_file):
    """One line: the counts, of deliveries and of attempts."""
    receiver = loopback_receiver("500,200")

    result = run("send", "--many", alarms_file(numbered(2)), *to(receiver), "--json", "--delays", "0")

    (line,) = result.stdout.splitlines()
    document = json.loads(line)
    assert document.pop("seconds") > 0
    assert document.pop("per_second") > 0
    assert document.pop("attempts")["confirmed"] == 2
    assert document == {
        "ok": True,
        "interrupted": False,
        "alarms": 2,
        "bad_lines": 0,
        "deliveries": 2,
        "delivered": 2,
        "failed": 0,
        "superseded": 0,
    }


def test_a_line_that_is_no_alarm(loopback_receiver, alarms_file, monkeypatch):
    """It is told with its number and the path of each problem, and the others are sent."""
    monkeypatch.setattr("alarm_dispatch.cli.lines.LONGEST_LINE", 20_000)
    receiver = loopback_receiver()
    wrong = json.dumps({**METRIC, "policy": {"id": True, "name": "p"}, "colour": 1})
    text = f"{written('a')}{wrong}\n\n[]\n{{\n{'x' * 20_001}\n{written('b').strip()}"

    result = run("send", "--many", alarms_file(text), *to(receiver))

    told = result.stderr.splitlines()
    assert result.exit_code == 1
    assert told[0].startswith("line 2: $.policy.id: must be text or an integer")
    assert told[1].startswith("line 2: $.colour: unknown key")
    assert told[2] == "line 4: $: must be a JSON object"
    assert told[3].startswith("line 5: $: is not JSON: ")
    assert told[4].startswith("line 6: $: is longer than ")
    assert "lines that are no alarm: 4\n" in result.stdout
    assert len(receiver.requests) == 2


@pytest.mark.parametrize("text", ["", "\n \n", "{}\nno\n"])
@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_nothing_to_send(text, as_json, alarms_file):
    """A file without any alarm is exit code 2."""
    result = run("send", "--many", alarms_file(text), *NOWHERE, *as_json)

    assert result.exit_code == 2
    if as_json:
        assert json.loads(result.stdout)["ok"] is False
    else:
        assert "has no alarm" in result.stderr


def test_failures_are_told(loopback_receiver, alarms_file):
    """Some of them on standard error, all of them with ``--json``; the exit code is 1."""
    receiver = loopback_receiver("500")
    path = alarms_file(numbered(25))

    plain = run("send", "--many", path, *to(receiver), "--attempts", "1")
    document = run("send", "--many", path, *to(receiver), "--attempts", "1", "--json")

    *told, rest = plain.stderr.splitlines()
    assert (plain.exit_code, document.exit_code) == (1, 1)
    assert len(told) == 20
    assert all(line.startswith("alarm-") for line in told)
    assert all(
        line.endswith(f" to tencent {receiver.url}: rejected after 1 attempt: status 500, not 200")
        for line in told
    )
    assert rest == "further failures are only counted; --json tells each"
    *failed, summary = map(json.loads, document.stdout.splitlines())
    assert {one["alarm_id"] for one in failed} == {f"alarm-{number}" for number in range(25)}
    assert {one["status"] for one in failed} == {"failed"}
    assert (summary["ok"], summary["failed"]) == (False, 25)


def test_what_a_format_cannot_tell_fails(alarms_file):
    """The alarm is one, so nothing is wrong with the line."""
    path = alarms_file(written("a", "b", alarm=EVENT))

    result = run("send", "--many", path, "--format", "aliyun", "--url", "http://127.0.0.1:1")

    assert result.exit_code == 1
    assert "a to aliyun http://127.0.0.1:1: UnsupportedAlarmError: " in result.stderr
    assert "delivered 0, failed 2" in result.stdout


def test_a_group(loopback_receiver, alarms_file, tmp_path):
    """Each alarm makes a delivery for each callback; what supersedes another is no failure."""
    receiver = loopback_receiver()
    groups = tmp_path / "groups.toml"
    groups.write_text(
        "[ops]\ncallbacks = ["
        f'{{format = "tencent", url = "{receiver.url}/a", supersede = true}}, '
        f'{{format = "tencent", url = "{receiver.url}/b"}}]\n',
        "utf-8",
    )

    result = run("send", "--many", alarms_file(written("a", "a", "a")), "--groups", str(groups))

    assert result.exit_code == 0
    assert result.stdout.startswith("3 alarms, 6 deliveries in ")
    assert "\ndelivered 5, failed 0, superseded 1\n" in result.stdout


def test_standard_input(loopback_receiver):
    """``-`` is standard input."""
    receiver = loopback_receiver()

    result = run("send", "--many", "-", *to(receiver), stdin=numbered(3))

    assert result.exit_code == 0
    assert len(receiver.requests) == 3


def test_a_pipe_is_sent_as_it_comes(loopback_receiver):
    """What was written into it goes out before more is."""
    receiver = loopback_receiver()
    command = [sys.executable, "-m", "alarm_dispatch", "send", "--many", "-", *to(receiver), "--json"]

    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        try:
            process.stdin.write(written("a"))
            process.stdin.flush()
            receiver.wait_for(1, 10)
            output, _ = process.communicate(written("b"), timeout=10)
        finally:
            process.kill()

    assert process.returncode == 0
    assert json.loads(output)["delivered"] == 2


def test_the_file_is_read_as_deliveries_settle_and_ctrl_c_ends_it(loopback_receiver, alarms_file):
    """With the backlog full nothing more is taken; Ctrl-C settles that at once, and tells the counts."""
    receiver = loopback_receiver("timeout")
    path = alarms_file(numbered(500))

    with started("send", "--many", path, *to(receiver), "--json", "--backlog", "3") as process:
        receiver.wait_for(3, 10)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=10)

    *failed, summary = map(json.loads, output.splitlines())
    assert (process.returncode, errors) == (130, "")
    assert (summary["ok"], summary["interrupted"]) == (False, True)
    assert summary["alarms"] == summary["failed"] == len(failed) == 3
    assert all(one["error"].startswith("DispatcherClosedError: ") for one in failed)


def test_ctrl_c_while_a_pipe_is_silent(loopback_receiver):
    """Nobody need write a last line first; and while it drains nothing more is waited for."""
    receiver = loopback_receiver("timeout")
    command = ["send", "--many", "-", *to(receiver)]
    reading, writing = os.pipe()

    with started(*command, stdin=reading) as process:
        os.write(writing, written("a").encode())
        receiver.wait_for(1, 10)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=10)
    os.close(reading)
    os.close(writing)

    assert process.returncode == 130
    assert "delivered 0, failed 1, superseded 0\n" in output
    assert errors.splitlines()[-1].startswith("interrupted: ")


def test_ctrl_c_before_anything_is_read(monkeypatch, alarms_file):
    """The counts are told all the same."""

    async def interrupt(_storm, *_arguments, **_settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(many._Storm, "send", interrupt)

    result = run("send", "--many", alarms_file(numbered(1)), *NOWHERE)

    assert result.exit_code == 130
    assert result.stdout.startswith("0 alarms, 0 deliveries in ")
    assert result.stderr.startswith("interrupted: ")


def test_a_stream_that_breaks_off(loopback_receiver, monkeypatch):
    """What was read is sent, and the rest is told."""
    receiver = loopback_receiver()

    class Stream:
        pieces = iter([numbered(2).encode()])

        def read(self, _size):
            for piece in self.pieces:
                return piece
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(many, "opened", lambda _source: many.contextlib.nullcontext(Stream()))

    result = run("send", "--many", "-", *to(receiver))
    document = run("send", "--many", "-", *to(receiver), "--json")

    assert result.exit_code == 1
    assert result.stderr == "standard input cannot be read further: Input/output error\n"
    assert "delivered 2," in result.stdout
    assert document.exit_code == 2


def test_on_a_terminal(loopback_receiver, alarms_file):
    """A bar with done and total, drawn over itself; it is gone in the end."""
    receiver = loopback_receiver("delay:0.3:confirm")

    result = run("send", "--many", alarms_file(f"{numbered(3)}no\n"), *to(receiver), env=TERMINAL)

    assert result.exit_code == 1
    assert "0/3" in result.stderr
    assert "/s  " in result.stderr
    assert "delivered" in result.stderr
    assert "line 4: " in result.stderr
    assert result.stderr.rstrip().endswith("\x1b[2K")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_on_a_terminal_of_its_own(loopback_receiver, alarms_file):
    """A terminal on standard error gets the bar, a file on standard output only the counts."""
    receiver = loopback_receiver("500")
    controlling, terminal = os.openpty()
    command = ["send", "--many", alarms_file(numbered(2)), *to(receiver), "--attempts", "1", "--json"]

    done = subprocess.run(
        [sys.executable, "-m", "alarm_dispatch", *command],
        stdout=subprocess.PIPE,
        stderr=terminal,
        timeout=10,
        check=False,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    shown = os.read(controlling, 65_536).decode()
    os.close(terminal)
    os.close(controlling)

    assert done.returncode == 1
    assert [json.loads(line).get("failed") for line in done.stdout.splitlines()] == [None, None, 2]
    assert "━" in shown


def test_the_bar_keeps_off_a_terminal_with_json_on_it(loopback_receiver, alarms_file, monkeypatch):
    """Where both outputs are one terminal, lines of JSON would be drawn over."""
    receiver = loopback_receiver()
    monkeypatch.setattr("alarm_dispatch.cli.many._shares_terminal", lambda: True)

    result = run("send", "--many", alarms_file(numbered(3)), *to(receiver), "--json", env=TERMINAL)

    assert (result.exit_code, result.stderr) == (0, "")


def test_without_a_terminal_a_line_now_and_then(loopback_receiver, alarms_file, monkeypatch):
    """With the time since the beginning, and whether it is draining."""
    monkeypatch.setattr(many, "_TO_TELL", 0.02)
    receiver = loopback_receiver("delay:0.2:confirm")

    result = run("send", "--many", alarms_file(numbered(3)), *to(receiver))

    assert result.exit_code == 0
    assert " s  draining, 0 of 3 done, 0/s  delivered 0, failed 0, superseded 0\n" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "limits"),
    [
        ((), (8, 512, 20_000)),
        (("--in-flight", "2", "--backlog", "5"), (2, 512, 5)),
        (("--in-flight", "400"), (400, 800, 20_000)),
    ],
)
def test_limits(arguments, limits, monkeypatch, alarms_file):
    """One callback can have as many in flight as is asked for."""
    seen = []

    class Spy(many.AsyncDispatcher):
        def __init__(self, **settings):
            self.told = (settings["limit"], settings["backlog"])
            super().__init__(**settings)

        async def submit(self, alarm, group, *, wait=False):
            seen.append((group.callbacks[0].limit, *self.told))
            assert wait
            return await super().submit(alarm, group, wait=wait)

    monkeypatch.setattr(many, "AsyncDispatcher", Spy)

    run("send", "--many", alarms_file(numbered(1)), *NOWHERE, "--attempts", "1", *arguments)

    assert seen == [limits]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["alarm.json", "--many", "FILE", *NOWHERE], "--many FILE takes the place of ALARM"),
        (["--many", "FILE", "--session-id", "s", *NOWHERE], "does not go with --session-id"),
        (["--many", "/nowhere/alarms.jsonl", *NOWHERE], "/nowhere/alarms.jsonl cannot be read: "),
        (["--many", "/", *NOWHERE], "/ cannot be read: "),
        (["--many", "FILE"], "say where to"),
        (["--many", "FILE", *NOWHERE, "--in-flight", "0"], "0 is not in the range"),
        (["--many", "FILE", "--groups", "GROUPS", "--backlog", "1"], "--backlog: an alarm makes 2"),
        (["alarm.json", *NOWHERE, "--in-flight", "1"], "--in-flight and --backlog go with --many"),
        (["alarm.json", *NOWHERE, "--backlog", "1"], "--in-flight and --backlog go with --many"),
        ([*NOWHERE], "say what to send: ALARM, or --many FILE"),
    ],
)
def test_misuse(arguments, message, alarms_file, tmp_path):
    """It is told with exit code 2, and nothing is sent."""
    callback = '{format = "tencent", url = "http://127.0.0.1:1"}'
    groups = tmp_path / "groups.toml"
    groups.write_text(f"[ops]\ncallbacks = [{callback}, {callback}]\n", "utf-8")
    paths = {"FILE": alarms_file(numbered(1)), "GROUPS": str(groups)}

    result = run("send", *(paths.get(argument, argument) for argument in arguments))

    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_the_fast_transport(loopback_receiver, alarms_file, tmp_path):
    """One alarm and many go by aiohttp."""
    pytest.importorskip("aiohttp")
    receiver = loopback_receiver()
    single = tmp_path / "alarm.json"
    single.write_text(numbered(1), "utf-8")

    storm = run("send", "--many", alarms_file(numbered(3)), *to(receiver), "--transport", "aiohttp")
    one = run("send", str(single), *to(receiver), "--transport", "aiohttp")

    assert (storm.exit_code, one.exit_code) == (0, 0)
    assert len(receiver.requests) == 4


def test_without_the_fast_transport(monkeypatch, alarms_file):
    """Its extra is named; without uvloop alone it works on the platform's event loop."""
    monkeypatch.setitem(sys.modules, "alarm_dispatch.transports.aiohttp", None)
    monkeypatch.setitem(sys.modules, "uvloop", None)

    result = run("send", "--many", alarms_file(numbered(1)), *NOWHERE, "--transport", "aiohttp")

    assert (result.exit_code, result.stdout) == (2, "")
    assert 'pip install "alarm-dispatch[cli,fast]"' in result.stderr
    assert many.loop_factory("aiohttp") is None
    assert many.loop_factory("httpx") is None


def test_with_uvloop():
    """The fast transport runs on its event loop."""
    uvloop = pytest.importorskip("uvloop")

    loop = many.loop_factory("aiohttp")()
    loop.close()

    assert isinstance(loop, uvloop.Loop)
