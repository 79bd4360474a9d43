"""``render``: the documented samples, byte for byte, out of the alarm files."""

import json
import re
from urllib.parse import parse_qsl

import pytest

from tests.cli.runs import ran, run
from tests.paths import ALARMS, WIRE

WHOLE_BODIES = {
    "blueking-anomaly": ("blueking", "blueking/anomaly.json"),
    "tencent-metric.en": ("tencent", "tencent/metric.en.json"),
    "tencent-metric.zh": ("tencent", "tencent/metric.zh.json"),
    "tencent-event.en": ("tencent", "tencent/event.en.json"),
    "tencent-event.zh": ("tencent", "tencent/event.zh.json"),
    "tencent-legacy-metric": ("tencent_legacy", "tencent-legacy/metric.json"),
}
DIMENSIONS = sorted(path.stem for path in ALARMS.glob("tencent-*-dimensions.*.json"))


def in_order(text):
    """The JSON value with each object as its list of pairs, so that the order counts."""
    return json.loads(text, object_pairs_hook=list)


@pytest.mark.parametrize("alarm", WHOLE_BODIES)
def test_a_documented_sample(alarm):
    """The body has the sample's keys, values, types and order, and not a byte around them."""
    name, sample = WHOLE_BODIES[alarm]
    expected = (WIRE / sample).read_text("utf-8")
    session_id = json.loads(expected).get("sessionId", "")

    result = run("render", str(ALARMS / f"{alarm}.json"), "--format", name, "--session-id", session_id)

    assert result.exit_code == 0
    assert in_order(result.stdout_bytes) == in_order(expected)
    assert result.stdout_bytes.endswith(b"}")
    assert result.stderr == ""


def test_the_documented_form():
    """Alibaba's form with a signature is the sample byte for byte."""
    expected = (WIRE / "aliyun" / "threshold.form").read_bytes().rstrip(b"\n")
    signature = dict(parse_qsl(expected.decode()))["signature"]

    result = run(
        "render", str(ALARMS / "aliyun-threshold.json"), "--format", "aliyun", "--signature", signature
    )

    assert result.stdout_bytes == expected


@pytest.mark.parametrize("alarm", DIMENSIONS)
def test_documented_dimensions(alarm):
    """Each product's dimensions are those of its sample."""
    kind, language, number = re.match(r"tencent-(\w+-dimensions)\.(\w\w)-(\d\d)", alarm).groups()
    sample = json.loads((WIRE / "tencent" / f"{kind}.{language}.json").read_text("utf-8"))[int(number) - 1]

    result = run("render", str(ALARMS / f"{alarm}.json"), "--format", "tencent")

    assert json.loads(result.stdout_bytes)["alarmObjInfo"]["dimensions"] == sample["dimensions"]


def test_there_are_all_samples():
    """No alarm file is left out above."""
    names = {path.stem for path in ALARMS.glob("*.json")}

    assert names == {*WHOLE_BODIES, *DIMENSIONS, "aliyun-threshold"}


def test_standard_input_and_bytes_of_a_process():
    """An alarm from standard input leaves the process as UTF-8, unescaped and without a line break."""
    alarm = (ALARMS / "tencent-metric.zh.json").read_bytes()

    done = ran("render", "-", "--format", "tencent", "--session-id", "xxxxxxxx", stdin=alarm)

    assert done.returncode == 0, done.stderr
    assert "云服务器-基础监控".encode() in done.stdout
    assert done.stdout.endswith(b"}")


def test_dialect_options_time_and_url():
    """The observed dialect, a format's option, the time of sending and the URL's query reach the body."""
    alarm = str(ALARMS / "tencent-event.en.json")

    tencent = run(
        "render", alarm, "--format", "tencent", "--dialect", "observed", "--now", "2018-06-15T08:33:06Z",
        "--option", "utc_offset=0",
    )  # fmt: skip
    blueking = run(
        "render", str(ALARMS / "blueking-anomaly.json"), "--format", "blueking", "--dialect", "observed",
        "--url", "https://ops.example.com/a?team=db", "--option", 'level_names={"fatal": "致命"}',
    )  # fmt: skip

    body = json.loads(tencent.stdout_bytes)
    assert (body["firstOccurTime"], body["durationTime"]) == ("2018-06-15 08:32:06", 60)
    body = json.loads(blueking.stdout_bytes)
    assert (body["team"], body["event"]["level_name"]) == ("db", "致命")


def test_an_option_that_is_text():
    """An option's value that is no JSON is text."""
    result = run(
        "render", str(ALARMS / "aliyun-threshold.json"), "--format", "aliyun", "--dialect", "observed",
        "--option", "language=en", "--now", "2017-10-16T06:54:40+00:00",
    )  # fmt: skip

    assert "2" in dict(parse_qsl(result.stdout))["lastTime"]
    assert "分" not in dict(parse_qsl(result.stdout))["lastTime"]


def test_ids_are_made_anew():
    """Without ``--session-id`` each body has another one."""
    arguments = ("render", str(ALARMS / "tencent-metric.en.json"), "--format", "tencent")

    first, second = (json.loads(run(*arguments).stdout_bytes)["sessionId"] for _ in range(2))

    assert first != second


def test_a_terminal_gets_a_line_break(monkeypatch):
    """Where a prompt follows, it begins on a line of its own."""
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _stream: True, raising=False)

    result = run("render", str(ALARMS / "tencent-metric.en.json"), "--format", "tencent")

    assert result.stdout_bytes.endswith(b"}\n")


def test_an_alarm_of_several_messages(tmp_path):
    """Each body is a line of its own, byte for byte."""
    document = json.loads((ALARMS / "tencent-metric.en.json").read_text("utf-8"))
    document["description"] = "line\n" * 2000
    source = tmp_path / "long.json"
    source.write_text(json.dumps(document), "utf-8")

    result = run("render", str(source), "--format", "wecom", "--option", "kind=text")

    assert result.exit_code == 0
    bodies = [json.loads(line) for line in result.stdout_bytes.split(b"\n")]
    assert len(bodies) > 2
    assert [each["text"]["content"].split("\n")[0].partition(")")[0] for each in bodies] == [
        f"({number}/{len(bodies)}" for number in range(1, len(bodies) + 1)
    ]


def test_a_secret_option_may_be_kept_elsewhere(monkeypatch):
    """One that is not there is told with its place; what is no secret cannot be one."""
    arguments = ["render", str(ALARMS / "tencent-metric.en.json"), "--format", "dingtalk", "--option"]
    monkeypatch.delenv("ROBOT", raising=False)

    absent = run(*arguments, "secret=env:ROBOT")
    monkeypatch.setenv("ROBOT", "SEC1")
    found = run(*arguments, "secret=env:ROBOT")
    wrong = run(*arguments, "language=env:ROBOT")

    assert "--option secret: the environment variable ROBOT is not set" in absent.stderr
    assert found.exit_code == 0
    assert (wrong.exit_code, "SEC1" in wrong.stderr) == (2, False)
