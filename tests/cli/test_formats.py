"""``formats``: what is told of each format."""

import json
from importlib.metadata import EntryPoint

import pytest

from alarm_dispatch.confirmation import any_2xx
from alarm_dispatch.formats import DeliveryRules, Payload, Verification, registry
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


@pytest.fixture
def foreign_formats(monkeypatch):
    """Beside the built-in formats, one without dialects and one that cannot be loaded."""
    group = registry.ENTRY_POINT_GROUP
    points = {
        "plain": EntryPoint("plain", f"{__name__}:Plain", group),
        "broken": EntryPoint("broken", "no_such_package:Format", group),
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


def test_the_table_fits_80_columns():
    """No line is longer than a usual terminal."""
    assert max(map(len, run("formats").stdout.splitlines())) <= 80


def test_json():
    """The same as one JSON document."""
    told = {entry["name"]: entry for entry in json.loads(run("formats", "--json").stdout)}

    assert told["feishu"]["rate"] == "5/3"
    assert told["feishu"]["limits"] == ["20000 bytes of body"]
    assert set(told) >= {"aliyun", "blueking", "tencent", "tencent_legacy"}
    assert told["aliyun"] == {
        "name": "aliyun",
        "content_type": "application/x-www-form-urlencoded; charset=UTF-8",
        "problem": None,
        "rate": None,
        "limits": [],
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
    assert "limits of a message" not in result.stdout


def test_foreign_formats_as_json(foreign_formats):
    """In JSON a dialect, a number of attempts or a list of waits that there is not is null."""
    told = {entry["name"]: entry for entry in json.loads(run("formats", "--json").stdout)}

    assert told["broken"]["problem"].startswith("ModuleNotFoundError: ")
    assert told["broken"]["rules"] == []
    (rules,) = told["plain"]["rules"]
    assert (rules["dialect"], rules["attempts"], rules["delays"]) == (None, None, None)
