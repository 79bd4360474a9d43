"""``listen``: what arrives is shown, answered by the script, and cannot harm the terminal."""

import contextlib
import json
import signal
import socket
import urllib.error
import urllib.request

import pytest

from tests.cli.runs import run, started
from tests.paths import ALARMS

METRIC = ALARMS / "tencent-metric.zh.json"


def post(url, content=b"{}", **headers):
    """The status that a POST of this content gets, None for no answer."""
    request = urllib.request.Request(url, content)
    for name, value in {"Content-Type": "application/json", **headers}.items():
        # add_header() would write it as "Content-type".
        request.headers[name] = value
    # No proxy of the environment stands between a test and its receiver.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        with contextlib.closing(error):
            return error.code
    except (OSError, urllib.error.URLError):
        return None


@contextlib.contextmanager
def listening(*arguments):
    """A listener in a process of its own, and its URL."""
    with started("listen", *arguments) as process:
        told = process.stderr if "--json" in arguments else process.stdout
        first, _ = told.readline(), told.readline()
        assert first.startswith("Listening on http://127.0.0.1:")
        yield process, first.removeprefix("Listening on ").strip()


def lines_until_blank(stream):
    """The lines of one request."""
    return list(iter(lambda: stream.readline().rstrip("\n"), ""))


def test_a_script_is_played_to_its_end():
    """The script answers in its order, then ``--then``, and ``--count`` ends after the last answer."""
    with listening("--script", "500,close", "--then", "204", "--count", "4") as (process, url):
        statuses = [post(url) for _ in range(4)]
        output, errors = process.communicate(timeout=10)

    assert statuses == [500, None, 204, 204]
    assert process.returncode == 0
    assert output.count(" POST / ") == 4
    assert "  answer: close\n" in output
    assert errors == ""


def test_a_request_is_shown():
    """Method, path, headers, format, readable body and answer are shown; what may be secret is not."""
    with listening("--once") as (process, url):
        done = run(
            "send", str(METRIC), "--format", "tencent",
            "--url", f"{url}/alarms?token=open-sesame".replace("://", "://user:pass-word@"),
        )  # fmt: skip
        output, _ = process.communicate(timeout=10)

    assert done.exit_code == 0
    head, *rest = output.splitlines()
    assert head.startswith("#1 ")
    assert head.endswith(" POST /alarms?token=***  answer: confirm")
    assert "   Content-Type: application/json" in rest
    assert "   Authorization: ***" in rest
    assert "   format: tencent" in rest
    assert '     "alarmType": "metric",' in rest
    assert "云服务器-基础监控" in output
    assert "sesame" not in output


def test_ctrl_c_ends_it():
    """Ctrl-C is the usual end, so its exit code is 0; nothing is printed about it."""
    with listening() as (process, url):
        assert post(url) == 200
        shown = lines_until_blank(process.stdout)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=10)

    assert shown[-1] == "   {}"
    assert (process.returncode, output, errors) == (0, "", "")


def test_json():
    """With ``--json`` each line of standard output is one request."""
    with listening("--json", "--count", "2") as (process, url):
        post(url, b'{"a": "\xc2\x9b2J"}', Cookie="a=open-sesame")
        post(f"{url}/form", b"a=1&b=%E4%BA%91", **{"Content-Type": "application/x-www-form-urlencoded"})
        output, _ = process.communicate(timeout=10)

    first, second = map(json.loads, output.splitlines())
    assert first.pop("received_at").endswith("+00:00")
    headers = first.pop("headers")
    assert ["Cookie", "***"] in headers
    assert ["Content-Type", "application/json"] in headers
    assert first == {
        "number": 1,
        "method": "POST",
        "target": "/",
        "formats": [],
        "body": {"a": "\x9b2J"},
        "answer": "confirm",
    }
    assert "\x9b" not in output
    assert (second["target"], second["body"]) == ("/form", {"a": "1", "b": "云"})


def test_a_port_that_is_taken():
    """A port that somebody has is told with exit code 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        result = run("listen", "--port", str(port))

    assert result.exit_code == 2
    assert f"cannot listen on 127.0.0.1 port {port}: " in result.stderr


@pytest.mark.parametrize("content", [b"\x1b[2J\x9b[31m", "\u202e[red]x[/red]\x1b]0;t\x07".encode()])
def test_hostile_bodies(content):
    """No byte of a body reaches the terminal as a control character, and no markup is obeyed."""
    with listening("--once") as (process, url):
        post(url, content)
        output, _ = process.communicate(timeout=10)

    assert all(character.isprintable() or character == "\n" for character in output)
    assert "\\x1b" in output
    assert ("[red]x[/red]" in output) == (b"[red]" in content)


def test_a_hostile_receiver():
    """It does its harm as often as it is told to, then confirms, and shows what came."""
    with listening("--hostile", "second-reply", "--times", "1") as (process, url):
        statuses = [post(url), post(url)]
        shown = lines_until_blank(process.stdout) + lines_until_blank(process.stdout)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)

    assert statuses == [500, 200]
    assert [line.rpartition("answer: ")[2] for line in shown if "answer: " in line] == [
        "second-reply",
        "confirm",
    ]
    assert (process.returncode, errors) == (0, "")


def test_a_hostile_receivers_introduction():
    """It says what it does, and what must come of it."""
    with started("listen", "--hostile", "tls-stalls") as process:
        first, second = process.stdout.readline(), process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)

    assert first.startswith("Listening on https://127.0.0.1:")
    assert second.startswith("tls-stalls: accepts, and never answers the handshake. The verdict must be")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--hostile", "nonsense"], "'nonsense' is not one of"),
        (
            ["--hostile", "garbage", "--script", "500"],
            "--hostile does not go with --host, --script, --then or --verify-key",
        ),
        (["--hostile", "garbage", "--once"], "--hostile ends with Ctrl-C, not with --count or --once"),
        (["--times", "2"], "--times goes with --hostile"),
    ],
)
def test_what_does_not_go_with_a_hostile_receiver(arguments, told):
    """What it would be silently ignored for is refused."""
    done = run("listen", *arguments)

    assert done.exit_code == 2
    assert told in " ".join(done.output.split())


def test_a_hostile_receiver_needs_its_port():
    """A port that is taken is told."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("listen", "--hostile", "garbage", "--port", str(port))

    assert done.exit_code == 2
    assert f"cannot listen on 127.0.0.1 port {port}: " in done.output
