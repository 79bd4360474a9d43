"""``formats``: what is told of each format."""

import json
import sys
from importlib.metadata import EntryPoint

import pytest

from alarm_dispatch.confirmation import any_2xx
from alarm_dispatch.formats import About, DeliveryRules, Payload, Verification, registry
from alarm_dispatch.limits import Rate
from alarm_dispatch.schedule import RetrySchedule
from tests.cli.runs import run


class Plain:
    """A format of another package, without dialects."""

    name = "plain"
    rules = DeliveryRules(timeout=1.5, schedule=RetrySchedule(), confirmation=any_2xx())

    def build(self, alarm, context):
        """Not asked here."""

    def parse(self, content, content_type):
        """Not asked here."""

    def verification(self, context):
        """A body of text."""
        return Verification(payload=Payload(content=b"", content_type="text/plain"))


class Keyed(Plain):
    """One that cannot be made without options, and says what can be said before that."""

    about = About(
        needs=["team", "key or key_file"],
        extra="pagers[keyed]",
        module="no_such_package.keys",
        rules=Plain.rules,
        content_type="text/x-page",
        rate=Rate(3, 60),
        limits=["40 bytes"],
    )

    def __init__(self, *, team, key):
        """Not called here."""


class Silent(Plain):
    """One that says no more than what it needs."""

    about = About(needs=["team"])

    def __init__(self, *, team):
        """Not called here."""


class Wrong(Plain):
    """One that says that it needs nothing, which is wrong."""

    about = About(extra="pagers[wrong]", content_type="text/plain")

    def __init__(self, *, team):
        """Called without it."""


@pytest.fixture
def foreign_formats(monkeypatch):
    """Beside the built-in formats, one without dialects and one that cannot be loaded."""
    group = registry.ENTRY_POINT_GROUP
    points = {
        "plain": EntryPoint("plain", f"{__name__}:Plain", group),
        "broken": EntryPoint("broken", "no_such_package:Format", group),
        "keyed": EntryPoint("keyed", f"{__name__}:Keyed", group),
        "silent": EntryPoint("silent", f"{__name__}:Silent", group),
        "wrong": EntryPoint("wrong", f"{__name__}:Wrong", group),
        "tencent": EntryPoint("tencent", "alarm_dispatch.formats.tencent:Format", group),
    }
    monkeypatch.setattr(registry, "_registered", lambda: points)


def test_the_table():
    """Each built-in format has its rules, its content type, and both dialects where they differ."""
    result = run("formats", env={"COLUMNS": "140"})

    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert "blueking documented 3s 3 attempts, waits 5s, 10s status is 200" in lines
    assert "observed same same same" in lines
    assert "aliyun documented 5s 4 attempts, waits 5s, 10s, 20s status is 200" in lines
    assert "observed same same status is 2xx" in lines
    assert "aliyun application/x-www-form-urlencoded; charset=UTF-8" in lines
    assert "wecom 20/60 4096 bytes of UTF-8 in markdown.content" in lines
    assert "wecom 5s 3 attempts, waits 5s, 10s status is 200 and errcode is 0" in lines
    assert "status is 200 and retCode is 0 and sessionId is the one that was sent" in result.stdout


def test_formats_that_cannot_be_made_without_options():
    """They are told as the others are, and what they need."""
    result = run("formats", env={"COLUMNS": "140"})

    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    told = "5s 4 attempts, waits 5s, 10s, 20s status is"
    assert f"cloudevents {told} 2xx; 410 and 415 are final" in lines
    assert f"pagerduty {told} 202; retried on 429 and 5xx only" in lines
    assert f"template {told} 2xx" in lines
    assert "cloudevents application/cloudevents+json" in lines
    assert "pagerduty application/json" in lines
    assert "pagerduty summary: 1024 characters; dedup_key: 255 characters; 512000 bytes of body" in lines
    assert "template 1048576 bytes of a body" in lines
    assert "format options it needs extra" in lines
    assert "pagerduty routing_key" in lines
    assert "template text or file alarm-dispatch[template]" in lines
    assert "Error" not in result.stdout


def test_no_format_has_a_problem():
    """None of ours."""
    told = json.loads(run("formats", "--json").stdout)

    assert [entry["name"] for entry in told if entry["problem"] or not entry["rules"]] == []
    assert all(entry["content_type"] for entry in told)


def test_an_extra_that_is_not_installed(monkeypatch):
    """Its format is told all the same, and that it is not there."""
    monkeypatch.setitem(sys.modules, "jinja2", None)

    lines = [" ".join(line.split()) for line in run("formats", env={"COLUMNS": "140"}).stdout.splitlines()]
    told = {entry["name"]: entry for entry in json.loads(run("formats", "--json").stdout)}

    assert "template 5s 4 attempts, waits 5s, 10s, 20s status is 2xx" in lines
    assert "template text or file alarm-dispatch[template]: not installed" in lines
    assert (told["template"]["installed"], told["template"]["problem"]) == (False, None)
    assert told["pagerduty"]["installed"] is True


def test_the_table_fits_80_columns():
    """No line is longer than a usual terminal."""
    assert max(map(len, run("formats").stdout.splitlines())) <= 80


def test_json():
    """The same as one JSON document."""
    told = {entry["name"]: entry for entry in json.loads(run("formats", "--json").stdout)}

    assert told["feishu"]["rate"] == "5/3"
    assert told["feishu"]["limits"] == ["20000 bytes of body"]
    assert set(told) >= {"aliyun", "blueking", "tencent", "tencent_legacy"}
    assert told["template"]["needs"] == ["text or file"]
    assert (told["template"]["extra"], told["template"]["installed"]) == ("alarm-dispatch[template]", True)
    assert told["aliyun"] == {
        "name": "aliyun",
        "content_type": "application/x-www-form-urlencoded; charset=UTF-8",
        "problem": None,
        "rate": None,
        "limits": [],
        "needs": [],
        "extra": None,
        "installed": True,
        "rules": [
            {
                "dialect": dialect,
                "timeout": 5.0,
                "attempts": 4,
                "delays": [5.0, 10.0, 20.0],
                "schedule": "4 attempts, waits 5 s, 10 s, 20 s",
                "confirmed_when": confirmed_when,
            }
            for dialect, confirmed_when in (("documented", "status is 200"), ("observed", "status is 2xx"))
        ],
    }


def test_foreign_formats(foreign_formats):
    """A format without dialects has one line; one that cannot be loaded says why and hides no other."""
    result = run("formats", env={"COLUMNS": "140"})

    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert "plain 1.5s 3 attempts, waits 5s, 10s status is 2xx" in lines
    assert "broken ModuleNotFoundError: No module named 'no_such_package'" in lines
    assert "plain text/plain" in lines
    assert "keyed 1.5s 3 attempts, waits 5s, 10s status is 2xx" in lines
    assert "keyed text/x-page" in lines
    assert "keyed 3/60 40 bytes" in lines
    assert "keyed team, key or key_file pagers[keyed]: not installed" in lines
    assert "silent not told" in lines
    assert "silent team" in lines
    assert "wrong pagers[wrong]" in lines
    assert any(line.startswith("wrong TypeError: ") for line in lines)


def test_tables_without_rows_are_left_out(monkeypatch):
    """Where no format has a rate, a limit, an extra or an option that it needs."""
    point = EntryPoint("plain", f"{__name__}:Plain", registry.ENTRY_POINT_GROUP)
    monkeypatch.setattr(registry, "_registered", lambda: {"plain": point})

    result = run("formats", env={"COLUMNS": "140"})

    assert "plain" in result.stdout
    assert "limits of a message" not in result.stdout
    assert "options it needs" not in result.stdout


def test_foreign_formats_as_json(foreign_formats):
    """In JSON a dialect, a number of attempts or a list of waits that there is not is null."""
    told = {entry["name"]: entry for entry in json.loads(run("formats", "--json").stdout)}

    assert told["broken"]["problem"].startswith("ModuleNotFoundError: ")
    assert told["broken"]["rules"] == []
    (rules,) = told["plain"]["rules"]
    assert (rules["dialect"], rules["attempts"], rules["delays"]) == (None, None, None)
