"""The open formats with their options, as files have them."""

from __future__ import annotations

import tomllib

import pytest

from alarm_dispatch import load_groups
from alarm_dispatch.errors import ConfigurationError
from alarm_dispatch.formats import alertmanager, cloudevents, pagerduty, slack, template

_KEY = "e93facc04764012d7bfb002500d5d1a6"


def loaded(written: str):
    """The format of the one callback in a file."""
    content = f"""
        name = "oncall"
        [[callbacks]]
        url = "https://receiver.example/"
        format = {written}
    """
    groups = load_groups(tomllib.loads(content))
    return groups["oncall"].callbacks[0].format


@pytest.mark.parametrize(
    ("written", "made"),
    [
        ('"alertmanager"', alertmanager.Format()),
        (
            """{name = "alertmanager", receiver = "a", external_url = "b", labels = {c = "d"},
            group_by = ["e"], max_alerts = 5, language = "zh"}""".replace("\n", " "),
            alertmanager.Format(
                receiver="a",
                external_url="b",
                labels={"c": "d"},
                group_by=["e"],
                max_alerts=5,
                language="zh",
            ),
        ),
        (
            """{name = "cloudevents", mode = "binary", source = "/a", type_prefix = "com.example",
            origin = "a.example", per_minute = 5, extensions = {b = "c"},
            data = {name = "tencent", dialect = "observed"}}""".replace("\n", " "),
            cloudevents.Format(
                mode="binary",
                source="/a",
                type_prefix="com.example",
                origin="a.example",
                per_minute=5,
                extensions={"b": "c"},
                data={"name": "tencent", "dialect": "observed"},
            ),
        ),
        ('{name = "cloudevents", data = "blueking"}', cloudevents.Format(data="blueking")),
        ('{name = "slack", language = "zh", zone = "+08:00"}', slack.Format(language="zh", zone="+08:00")),
        (
            '{name = "pagerduty", routing_key = "env:PAGERDUTY_KEY", client = "a"}',
            pagerduty.Format(routing_key=_KEY, client="a"),
        ),
        (
            '{name = "template", text = \'{"id": {{ alarm.id|tojson }}}\', headers = {X-A = "b"}}',
            template.Format(text='{"id": {{ alarm.id|tojson }}}', headers={"X-A": "b"}),
        ),
    ],
)
def test_a_format_is_loaded_with_its_options(written, made, monkeypatch):
    """As it is made in code."""
    monkeypatch.setenv("PAGERDUTY_KEY", _KEY)

    assert loaded(written) == made


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (
            '{name = "alertmanager", max_alerts = 0}',
            r"\$\.callbacks\[0\]\.format\.max_alerts: must be at least 1",
        ),
        ('{name = "cloudevents", mode = "x"}', r"\.format\.mode: is 'x'; allowed are: structured, binary"),
        ('"pagerduty"', r"\.format\.routing_key: is missing; the format pagerduty needs it"),
        (
            '{name = "pagerduty", routing_key = "env:NOT_THERE"}',
            r"format\.routing_key: the environment variable",
        ),
        (
            '{name = "slack", colour = "red"}',
            r"\.format\.colour: unknown option; allowed are: language, zone",
        ),
        ('"template"', r"\.format\.text: is empty; give the template as text or as a file"),
        ('{name = "template", text = "{{ foo }}"}', r"\.format\.text: line 1: 'foo' is unknown"),
        (
            '{name = "template", file = "/not/there"}',
            r"\.format\.file /not/there: |/not/there cannot be read",
        ),
    ],
)
def test_a_wrong_option_is_told_with_its_path(written, problem):
    """Like any other field."""
    with pytest.raises(ConfigurationError, match=problem):
        loaded(written)
