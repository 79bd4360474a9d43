"""The command line as a whole: help, version, exit codes, and life without click."""

import contextlib
import importlib
import io
import subprocess
import sys
from importlib.metadata import version

import pytest

from alarm_dispatch.cli import demo, formats, main, verify
from tests.cli.runs import ran, run
from tests.paths import ALARMS

EVENT = str(ALARMS / "tencent-event.en.json")

COMMANDS = ("demo", "formats", "render", "send", "verify", "listen", "worker", "outbox")
OF_AN_OUTBOX = ("list", "show", "replay", "purge")


def test_help_names_every_command():
    """``--help`` lists the commands and shows examples that can be copied."""
    result = run("--help")

    assert result.exit_code == 0
    for command in COMMANDS:
        assert f"\n  {command} " in result.stdout
    assert "    alarm-dispatch demo\n" in result.stdout


@pytest.mark.parametrize("command", [*COMMANDS, *(f"outbox {what}" for what in OF_AN_OUTBOX)])
def test_each_command_has_help(command):
    """Each command's help ends with examples of that command."""
    result = run(*command.split(), "-h")

    assert result.exit_code == 0
    assert f"    alarm-dispatch {command}" in result.stdout


def test_version():
    """``--version`` tells the installed version, also as a module."""
    expected = f"alarm-dispatch, version {version('alarm-dispatch')}\n"

    assert run("--version").stdout == expected
    assert ran("--version").stdout.decode() == expected


MISUSES = {
    "no such file": (["render", "/nowhere/alarm.json", "--format", "tencent"], "/nowhere/alarm.json"),
    "no file": (["render", str(ALARMS), "--format", "tencent"], "must be a .json or .toml file"),
    "unknown format": (["render", EVENT, "--format", "x"], "known are: "),
    "unsupported": (["render", EVENT, "--format", "aliyun"], "has no payload for an event"),
    "unsigned": (["render", EVENT, "--format", "tencent", "--signature", "x"], "--signature: "),
    "naive time": (["render", EVENT, "--format", "tencent", "--now", "2026-01-01"], "--now: "),
    "no time": (["render", EVENT, "--format", "tencent", "--now", "noon"], "--now: 'noon'"),
    "bad URL": (["render", EVENT, "--format", "tencent", "--url", "ftp://x"], "--url: must be an http"),
    "no option": (["render", EVENT, "--format", "tencent", "--option", "a"], "--option: 'a'"),
    "no key": (["render", EVENT, "--format", "tencent", "--option", "=a"], "--option: '=a'"),
    "foreign option": (
        ["render", EVENT, "--format", "tencent", "--option", "a=1"],
        "unknown option; allowed are: dialect",
    ),
    "no destination": (["send", EVENT], "say where to: --format FORMAT --url URL"),
    "half a destination": (["send", EVENT, "--url", "http://h"], "say where to"),
    "two destinations": (["send", EVENT, "--url", "http://h", "--groups", "g.toml"], "do not go together"),
    "bad callback": (["send", EVENT, "--format", "tencent", "--url", "h"], "Callback.url: must be an http"),
    "bad delays": (["send", EVENT, "--format", "tencent", "--url", "http://h", "--delays", "1,x"], "'1,x'"),
    "endless delay": (
        ["send", EVENT, "--format", "tencent", "--url", "http://h", "--delays", "inf"],
        "'inf'",
    ),
    "bad attempts": (
        ["send", EVENT, "--format", "tencent", "--url", "http://h", "--attempts", "0"],
        "RetrySchedule.attempts: must be an integer of at least 1",
    ),
    "bad timeout": (
        ["send", EVENT, "--format", "tencent", "--url", "http://h", "--timeout", "0"],
        "Callback.timeout: must be more than 0 seconds",
    ),
    "no groups": (["verify", "--groups", "/nowhere/groups.toml"], "/nowhere/groups.toml cannot be read"),
    "bad script": (["listen", "--script", "teapot"], "'teapot' is no step; allowed are: "),
    "public address": (["listen", "--host", "0.0.0.0"], "no loopback address"),
    "bad port": (["listen", "--port", "70000"], "70000 is not in the range"),
}


@pytest.mark.parametrize("case", MISUSES)
def test_misuse_is_told_without_a_traceback(case):
    """What the caller can put right is told on standard error with exit code 2."""
    arguments, message = MISUSES[case]

    result = run(*arguments)

    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_a_wrong_alarm_is_told_field_by_field(tmp_path):
    """Each problem of an alarm file stands on a line with its path."""
    path = tmp_path / "alarm.toml"
    path.write_text('id = "a"\npolicy = {id = true, name = "p"}\ncolour = 1\n')

    result = run("render", str(path), "--format", "tencent")

    assert result.exit_code == 2
    assert f"Error: {path} cannot be loaded:\n" in result.stderr
    assert "\n  $.policy.id: must be text or an integer" in result.stderr
    assert "\n  $.colour: unknown key" in result.stderr


@pytest.mark.parametrize(
    ("stdin", "problem"),
    [(b"{", "$: is not JSON"), (b"[]", "$: must be a JSON object"), (b"{}", "$.id: is missing")],
)
def test_a_wrong_alarm_on_standard_input(stdin, problem):
    """Standard input is held to the same as a file."""
    result = run("render", "-", "--format", "tencent", stdin=stdin)

    assert result.exit_code == 2
    assert problem in result.stderr


def test_messages_cannot_control_the_terminal():
    """What an argument brings into a message is escaped."""
    result = run("render", "\x1b[2J.json", "--format", "tencent")

    assert result.stderr == "Error: \\x1b[2J.json cannot be read: No such file or directory\n"


def test_interrupted(monkeypatch):
    """Ctrl-C ends any command with 130, as a shell has it."""

    def interrupt(**_given):
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "run", interrupt)

    assert run("demo").exit_code == 130


def test_a_fault_of_ours_is_no_misuse(monkeypatch):
    """An exception that nobody expects is not dressed up as the caller's mistake."""

    def fail(*_arguments, **_given):
        raise RuntimeError("a defect")

    monkeypatch.setattr(verify, "run", fail)

    with pytest.raises(RuntimeError, match="a defect"):
        run("verify")


@pytest.mark.parametrize("missing", ["click", "rich", "rich.console"])
def test_without_the_extra(missing):
    """Without click or rich the command says what to install, and the package can be imported."""
    code = (
        f"import sys; sys.modules[{missing!r}] = None; import alarm_dispatch.cli as cli; "
        "cli.main(['formats'])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr == (
        f"The command line needs the package {missing.partition('.')[0]}, which is not installed. "
        'Install it with: pip install "alarm-dispatch[cli]"\n'
    )


def test_another_missing_module_is_a_defect(monkeypatch):
    """Only click and rich belong to the extra."""
    monkeypatch.setitem(sys.modules, "alarm_dispatch.cli.app", None)

    with pytest.raises(ModuleNotFoundError, match=r"alarm_dispatch\.cli\.app"):
        main(["formats"])


def test_a_terminal_without_the_characters():
    """A character that the output's encoding lacks is escaped, and nothing fails."""
    code = "import sys; sys.stdout.reconfigure(encoding='ascii'); from alarm_dispatch.cli import main; main()"

    done = subprocess.run(
        [sys.executable, "-c", code, "send", "-", "--format", "aliyun", "--url", "http://127.0.0.1:1/磁"],
        input='{"id": "a", "policy": {"id": 1, "name": "磁盘"}, "condition": {"kind": "event", "name": "e"}, '
        '"target": {}, "started_at": "2026-01-01T00:00:00Z"}',
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert done.returncode == 2
    assert "aliyun http://127.0.0.1:1/\\u78c1" in done.stdout


def test_output_that_is_no_text_file():
    """A standard output of another kind is left as it is."""
    output = io.StringIO()

    with contextlib.redirect_stdout(output), pytest.raises(SystemExit) as ended:
        main(["formats", "--json"])

    assert ended.value.code == 0
    assert '"name": "tencent"' in output.getvalue()


def test_importing_the_main_module_runs_nothing():
    """Tools that import every module start no command."""
    assert importlib.import_module("alarm_dispatch.__main__").main is main


def test_every_command_returns_its_exit_code():
    """The function behind a command returns the code that the process ends with."""
    assert formats.run(as_json=True) == 0
