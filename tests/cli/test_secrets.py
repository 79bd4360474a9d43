"""What is typed as a URL or a header is shown nowhere."""

import json

import pytest

from tests.cli.runs import run
from tests.paths import ALARMS

METRIC = str(ALARMS / "tencent-metric.zh.json")
BLUEKING = str(ALARMS / "blueking-anomaly.json")
MARK = "5ecret"


@pytest.fixture
def kept(monkeypatch, tmp_path, loopback_receiver):
    """A receiver, with its URL and a header in the environment and in a file."""
    receiver = loopback_receiver("200")
    monkeypatch.setenv("OPS_URL", f"{receiver.url}/{MARK}?key={MARK}")
    (tmp_path / "key").write_text(f"{MARK}-key\n")
    return receiver, f"file:{tmp_path / 'key'}"


@pytest.mark.parametrize("command", [("send", METRIC), ("verify",), ("send", METRIC, "--json")])
def test_url_and_header_by_reference(command, kept):
    """They are sent, and only the host is shown."""
    receiver, key = kept

    result = run(
        *command,
        "--format",
        "tencent",
        "--url",
        "env:OPS_URL",
        "--header",
        f"X-Key: {key}",
        "--header",
        "A:b",
    )

    assert result.exit_code == 0, result.output
    assert MARK not in result.output
    (request,) = receiver.requests
    assert request.target == f"/{MARK}?key={MARK}"
    assert (request.header("x-key"), request.header("a")) == (f"{MARK}-key", "b")


def test_render_takes_a_reference_too(kept):
    """Where a format puts the URL's parameters into the body."""
    result = run("render", BLUEKING, "--format", "blueking", "--url", "env:OPS_URL")

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)


_MISUSE = {
    "one word too many": ["send", METRIC, "--url", f"https://u:{MARK}@h/", "more"],
    "no quotation marks": ["send", METRIC, "--header", "Authorization:", "Bearer", f"{MARK}-x"],
    "no command": [f"https://u:{MARK}@h/"],
    "no number": ["send", METRIC, "--timeout", f"https://u:{MARK}@h/"],
    "no transport": ["send", METRIC, "--transport", f"https://h/?a={MARK}"],
    "no format": ["send", METRIC, "--format", f"https://h/?a={MARK}", "--url", "http://h"],
    "no URL": ["send", METRIC, "--format", "tencent", "--url", MARK],
    "option of the group": [f"--url=https://{MARK}@h"],
    "not there": ["send", METRIC, "--format", "tencent", "--url", "env:OPS_NONE"],
    "no header": ["send", METRIC, "--format", "tencent", "--url", "http://h", "--header", MARK],
    "no name": ["send", METRIC, "--format", "tencent", "--url", "http://h", "--header", f": {MARK}"],
    "bad value": ["verify", "--format", "tencent", "--url", "http://h", "--header", f"A: {MARK}\nb"],
    "not both": ["send", METRIC, "--groups", "g.toml", "--header", f"A: {MARK}"],
}


@pytest.mark.parametrize("case", _MISUSE)
def test_misuse_repeats_no_secret(case):
    """Whatever went wrong, and wherever it stands."""
    result = run(*_MISUSE[case])

    assert result.exit_code == 2
    assert "Error: " in result.stderr
    assert MARK not in result.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (_MISUSE["one word too many"], "Got unexpected extra argument (***)"),
        (_MISUSE["no header"], '--header: must be "NAME: VALUE" in quotation marks'),
        (_MISUSE["not there"], "--url: the environment variable OPS_NONE is not set"),
        (["send", "--urll", "x"], "No such option '--urll'"),
        (["sent"], "No such command 'sent'"),
    ],
)
def test_what_is_wrong_is_still_told(arguments, told):
    """With the words that are no secret."""
    assert told in run(*arguments).stderr
