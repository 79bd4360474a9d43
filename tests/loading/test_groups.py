"""Alarm groups out of mappings and files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alarm_dispatch import AlarmGroup, Callback, RetrySchedule, load_groups
from alarm_dispatch.egress import EgressPolicy
from alarm_dispatch.errors import ConfigurationError
from alarm_dispatch.formats import blueking, dingtalk, feishu, tencent, wecom
from alarm_dispatch.limits import Circuit, Rate
from alarm_dispatch.transports.auth import BasicAuth, BearerAuth
from alarm_dispatch.transports.httpx import DEFAULT_MAX_REPLY_BYTES, HttpxTransport
from tests.loading.test_alarm import JSON_VALUES
from tests.loading.written import CALLBACK, GROUP, group, problems
from tests.unit.made import reply

_LOADED = AlarmGroup(
    "oncall", callbacks=[Callback("https://ops.example.com/alarms", format=blueking.Format())]
)


def one(source: Any) -> Callback:
    """The one callback of a written group."""
    (loaded,) = load_groups(source).values()
    (callback,) = loaded.callbacks
    return callback


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (GROUP, ["oncall"]),
        (MappingProxyType(GROUP), ["oncall"]),
        ([GROUP], ["oncall"]),
        ([GROUP, {**GROUP, "name": "b"}, {**GROUP, "name": "a"}], ["oncall", "b", "a"]),
        ({"groups": [GROUP]}, ["oncall"]),
        ({"groups": (GROUP,)}, ["oncall"]),
        ({"groups": {"oncall": {"callbacks": [CALLBACK]}}}, ["oncall"]),
        ({"oncall": {"callbacks": [CALLBACK]}}, ["oncall"]),
        ({"b": {"callbacks": [CALLBACK]}, "a": {"callbacks": [CALLBACK]}}, ["b", "a"]),
        ({"oncall": GROUP}, ["oncall"]),
        ({"夜 班": {"callbacks": [CALLBACK]}}, ["夜 班"]),
    ],
)
def test_the_shapes(source: Any, names: list[str]) -> None:
    """One group, a list of groups, or a table by name, each also under ``groups``; the order is kept."""
    loaded = load_groups(source)

    assert list(loaded) == names
    for name, found in loaded.items():
        assert found == attrs.evolve(_LOADED, name=name)


def test_groups_out_of_a_json_file(tmp_path: Path) -> None:
    """A list of groups is a file, too."""
    path = tmp_path / "groups.json"
    path.write_text(json.dumps([GROUP]), encoding="utf-8")

    assert load_groups(path) == load_groups(str(path)) == {"oncall": _LOADED}


@pytest.mark.parametrize(
    ("egress", "policy"),
    [
        (None, None),
        ("internal", EgressPolicy.internal()),
        ("public_only", EgressPolicy.public_only()),
        ("anything", EgressPolicy.anything()),
        ({"preset": "internal"}, EgressPolicy.internal()),
        ({"preset": "public_only", "https_only": True}, EgressPolicy.public_only(https_only=True)),
        (
            MappingProxyType(
                {
                    "preset": "internal",
                    "deny_networks": ("10.0.0.0/8",),
                    "allow_ports": [443, "8000-8099"],
                }
            ),
            EgressPolicy.internal(deny_networks=["10.0.0.0/8"], allow_ports=[443, "8000-8099"]),
        ),
        (
            {
                "preset": "internal",
                "allow_hosts": [".example.com"],
                "deny_hosts": ["a.example.com"],
                "allow_networks": ["10.0.0.0/8"],
                "exempt_networks": ["169.254.1.1"],
                "deny_ports": [25],
                "names_through_proxy": False,
                "tell_addresses": True,
            },
            EgressPolicy.internal(
                allow_hosts=[".example.com"],
                deny_hosts=["a.example.com"],
                allow_networks=["10.0.0.0/8"],
                exempt_networks=["169.254.1.1"],
                deny_ports=[25],
                names_through_proxy=False,
                tell_addresses=True,
            ),
        ),
    ],
)
def test_egress_policies(egress: Any, policy: EgressPolicy | None) -> None:
    """A preset by its name, or a table with its rules."""
    assert one(group(egress=egress)).egress == policy


def test_groups_out_of_a_toml_file_equal_the_constructed_ones(tmp_path: Path) -> None:
    """Every setting that has a written form."""
    path = tmp_path / "groups.toml"
    path.write_text(
        """
        [[groups]]
        name = "oncall"
        timeout = 3
        schedule = {attempts = 2, delays = [1, 2.5], jitter = 0.5}

        [[groups.callbacks]]
        url = "https://ops.example.com/alarms"
        format = "blueking"
        name = "ops"
        timeout = 2.5
        limit = 2
        headers = {X-Team = "db"}
        egress = "public_only"
        schedule = {delays = [1]}

        [[groups.callbacks]]
        url = "https://hooks.example.com/cm"
        format = {name = "tencent", dialect = "observed"}

        [groups.callbacks.transport]
        proxy = "http://proxy.example.com:3128"
        """,
        encoding="utf-8",
    )

    (loaded,) = load_groups(path).values()

    assert isinstance(loaded.callbacks[1].transport, HttpxTransport)
    assert attrs.evolve(
        loaded, callbacks=[loaded.callbacks[0], attrs.evolve(loaded.callbacks[1], transport=None)]
    ) == AlarmGroup(
        "oncall",
        timeout=3,
        schedule=RetrySchedule(attempts=2, delays=(1, 2.5), jitter=0.5),
        callbacks=[
            Callback(
                "https://ops.example.com/alarms",
                format="blueking",
                name="ops",
                timeout=2.5,
                limit=2,
                headers={"X-Team": "db"},
                egress=EgressPolicy.public_only(),
                schedule=RetrySchedule(delays=(1,)),
            ),
            Callback("https://hooks.example.com/cm", format=tencent.Format(dialect="observed")),
        ],
    )


@pytest.mark.parametrize("setting", ["timeout", "schedule", "confirmation", "transport"])
def test_null_overrides_nothing(setting: str) -> None:
    """It is as if the key were not there."""
    assert one(group(**{setting: None})) == _LOADED.callbacks[0]


_ECHO = b'{"a": {"b": 0}, "sessionId": "d-1"}'


@pytest.mark.parametrize(
    ("confirmation", "text", "confirms"),
    [
        (200, "status is 200", True),
        ([200], "status is 200", True),
        ([201, 204], "status is 201 or 204", False),
        ("2xx", "status is 2xx", True),
        ({"json_field": "a.b", "equals": 0}, "a.b is 0", True),
        ({"json_field": "a.b", "equals": False}, "a.b is False", False),
        ({"json_field": "a.b", "equals": "0"}, "a.b is '0'", False),
        ({"json_field": "a.b", "equals": 0.5}, "a.b is 0.5", False),
        ({"json_field": "a.b", "equals": None}, "a.b is None", False),
        ({"session_echo": "sessionId"}, "sessionId is the one that was sent", True),
        ({"all": [200, "2xx"]}, "status is 200 and status is 2xx", True),
        ({"all": ["2xx"]}, "status is 2xx", True),
        ({"any": [500, "2xx"]}, "(status is 500 or status is 2xx)", True),
        (
            {"all": [200, {"any": [{"json_field": "x", "equals": 1}, {"session_echo": "sessionId"}]}]},
            "status is 200 and (x is 1 or sessionId is the one that was sent)",
            True,
        ),
        (MappingProxyType({"all": (200, [201])}), "status is 200 and status is 201", False),
    ],
)
def test_confirmations(confirmation: Any, text: str, confirms: bool) -> None:
    """Each of the built-in ones, and their compositions."""
    found = one(group(confirmation=confirmation)).confirmation

    assert found is not None
    assert found.text == text
    assert (found(reply(200, _ECHO)).verdict == "confirmed") is confirms


_WRONG_CONFIRMATION = (
    'must be one of: 200 or [200, 204], "2xx", {json_field = "errcode", equals = 0}, '
    '{session_echo = "sessionId"}, {all = […]}, {any = […]}'
)


@pytest.mark.parametrize(
    "confirmation",
    [
        "200",
        "3xx",
        True,
        [],
        [True],
        [200, "2xx"],
        {},
        {"json_field": "a"},
        {"json_field": 1, "equals": 0},
        {"json_field": "a", "equals": []},
        {"json_field": "a", "equals": 0, "equal": 1},
        {"session_echo": True},
        {"session_echo": "a", "json_field": "b"},
        {"all": []},
        {"all": "2xx"},
        {"any": {"a": 1}},
        {"all": [200], "any": [200]},
        {"all": [200, {"any": ["no"]}]},
        200.0,
    ],
    ids=str,
)
def test_what_is_no_confirmation(confirmation: Any) -> None:
    """The error shows all written forms."""
    assert problems(load_groups, group(confirmation=confirmation)) == {
        "$.callbacks[0].confirmation": _WRONG_CONFIRMATION
    }


def test_a_confirmation_with_an_impossible_status() -> None:
    """It would never confirm."""
    assert problems(load_groups, group(confirmation=[200, 2000])) == {
        "$.callbacks[0].confirmation": "2000 is no status; a status is an integer from 100 to 999"
    }


def test_a_confirmation_that_is_nested_without_end() -> None:
    """Told in words."""
    confirmation: Any = 200
    for _ in range(5000):
        confirmation = {"all": [confirmation]}

    assert problems(load_groups, group(confirmation=confirmation)) == {
        "$.callbacks[0].confirmation": "is nested too deeply"
    }


@pytest.mark.parametrize(
    ("transport", "attributes"),
    [
        ({}, {"_http2": False, "_proxy": None, "_headers": (), "_max_reply_bytes": DEFAULT_MAX_REPLY_BYTES}),
        ({"kind": "httpx"}, {"_tls": None}),
        ({"http2": True}, {"_http2": True}),
        ({"headers": {"X-A": "1"}}, {"_headers": (("X-A", "1"),)}),
        ({"max_reply_bytes": 10}, {"_max_reply_bytes": 10}),
        (
            {"auth": {"user": "a", "password": "b"}},
            {"_headers": (("Authorization", BasicAuth("a", "b").header()),)},
        ),
        ({"auth": {"token": "t"}}, {"_headers": (("Authorization", BearerAuth("t").header()),)}),
        ({"auth": None, "proxy": None, "ca_file": None, "client_cert": None}, {"_headers": ()}),
    ],
)
def test_transports(transport: Any, attributes: Mapping[str, Any]) -> None:
    """An httpx transport with its options."""
    found = one(group(transport=transport)).transport

    assert isinstance(found, HttpxTransport)
    for name, value in attributes.items():
        assert getattr(found, name) == value


def test_a_transport_loads_its_files(tmp_path: Path) -> None:
    """Authorities, and a client's certificate, which are found wrong at once."""
    file = str(tmp_path / "missing.pem")
    told = f"the file {file} cannot be read: No such file or directory"

    assert problems(load_groups, group(transport={"ca_file": file})) == {
        "$.callbacks[0].transport.ca_file": told
    }
    for client_cert in ([file, file], [file, file, "password"]):
        assert problems(load_groups, group(transport={"client_cert": client_cert})) == {
            "$.callbacks[0].transport.client_cert": told
        }


_AUTH = "must have either a user and a password, or a token"
_EGRESS = 'must be the name of a preset, or a table such as {preset = "internal", https_only = true}'
_NO_PRESET = (
    "has no preset, and does not add to the dispatcher's; allowed are: internal, public_only, anything"
)
_FORMAT = 'must be the name of a format, or a table such as {name = "tencent", dialect = "observed"}'


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"url": 5}, {"url": "must be text, not an integer"}),
        ({"url": "ops.example.com"}, {"url": "must be an http or https URL; its scheme is missing"}),
        ({"format": "blueknig"}, {"format": None}),
        ({"format": 5}, {"format": _FORMAT}),
        ({"format": None}, {"format": _FORMAT}),
        ({"format": ["tencent"]}, {"format": _FORMAT}),
        ({"format": {"dialect": "observed"}}, {"format": _FORMAT}),
        ({"format": {"name": 5}}, {"format": _FORMAT}),
        ({"format": {"name": "x"}}, {"format": None}),
        (
            {"format": {"name": "tencent", "dialect": "x"}},
            {"format.dialect": "is 'x'; allowed are: documented, observed"},
        ),
        ({"format": {"name": "tencent", "color": 1}}, {"format.color": None}),
        (
            {"format": {"name": "dingtalk", "secret": "env:NO_ROBOT"}},
            {"format.secret": "the environment variable NO_ROBOT is not set"},
        ),
        (
            {"format": {"name": "dingtalk", "secret": 5}},
            {"format.secret": "must be text or a Secret, not int"},
        ),
        (
            {"format": {"name": "wecom", "mentions": {"users": ["a", 5]}}},
            {"format.mentions.users[1]": "must be text, not int"},
        ),
        (
            {"format": {"name": "dingtalk", "mentions": {"everybody": "yes"}}},
            {"format.mentions.everybody": "must be a bool, not str"},
        ),
        ({"format": {"name": "feishu", "language": "env:HOME"}}, {"format.language": None}),
        ({"egress": "public"}, {"egress": "is 'public'; allowed are: internal, public_only, anything"}),
        ({"egress": 5}, {"egress": _EGRESS}),
        ({"egress": {}}, {"egress": _NO_PRESET}),
        ({"egress": {"https_only": True}}, {"egress": _NO_PRESET}),
        (
            {"egress": {"preset": "public_only", "allow_hosts": []}},
            {
                "egress.allow_hosts": "is empty, which would allow nothing; "
                "leave it out to allow what the preset does"
            },
        ),
        ({"egress": ["internal"]}, {"egress": _EGRESS}),
        (
            {
                "egress": {
                    "preset": "x",
                    "allow_hosts": "a.example",
                    "deny_hosts": ["ok.example", "*.example"],
                    "deny_networks": ["10.0.0.0/8", 5],
                    "allow_ports": [80, True],
                    "deny_ports": [70_000],
                    "https_only": 1,
                    "allow": [],
                }
            },
            {
                "egress.preset": "is 'x'; allowed are: internal, public_only, anything",
                "egress.allow_hosts": "must be a list, not text",
                "egress.deny_hosts[1]": None,
                "egress.deny_networks[1]": "must be text, not an integer",
                "egress.allow_ports[1]": "must be text or an integer, not a bool",
                "egress.deny_ports[0]": None,
                "egress.https_only": "must be true or false, not an integer",
                "egress.allow": None,
            },
        ),
        ({"name": 5}, {"name": "must be text, not an integer"}),
        ({"timeout": "3"}, {"timeout": "must be a number, not text"}),
        ({"timeout": True}, {"timeout": "must be a number, not a bool"}),
        ({"timeout": 0}, {"timeout": "must be more than 0 seconds, not 0"}),
        ({"timeout": float("nan")}, {"timeout": "must be finite, not nan"}),
        ({"limit": 0}, {"limit": "must be at least 1, not 0"}),
        ({"limit": 1.0}, {"limit": "must be an integer, not a number"}),
        ({"headers": ["X"]}, {"headers": "must be a table (mapping), not a list"}),
        ({"headers": {"X": 1}}, {"headers.X": "must be text, not an integer"}),
        (
            {"headers": {"Host": "x", "Alarm-Dispatch-Id": "1"}},
            {
                "headers.Host": "cannot be set: the transport writes it from the URL",
                "headers.Alarm-Dispatch-Id": "cannot be set: the library writes it anew for each attempt",
            },
        ),
        ({"schedule": 3}, {"schedule": "must be a table (mapping), not an integer"}),
        (
            {"schedule": {"attempts": 0, "delays": [5, -1], "jitter": "x", "stop": 1}},
            {
                "schedule.attempts": "must be an integer of at least 1, not 0",
                "schedule.delays[1]": "must be at least 0 seconds, not -1",
                "schedule.jitter": "must be a number, not text",
                "schedule.stop": "unknown key; allowed are: attempts, delays, jitter",
            },
        ),
        ({"schedule": {"delays": 5}}, {"schedule.delays": "must be a list of seconds"}),
        ({"schedule": {"delays": ["5"]}}, {"schedule.delays[0]": "must be a number, not text"}),
        ({"transport": "httpx"}, {"transport": "must be a table (mapping), not text"}),
        ({"transport": {"kind": "ftp"}}, {"transport": "has the kind 'ftp'; allowed is: httpx"}),
        (
            {"transport": {"client_cert": ["a"]}},
            {"transport.client_cert": "must be [certificate, key] or [certificate, key, password]"},
        ),
        ({"transport": {"proxy": "no url"}}, {"transport.proxy": None}),
        ({"transport": {"max_reply_bytes": 0}}, {"transport.max_reply_bytes": "must be at least 1, not 0"}),
        (
            {"transport": {"headers": {"Upgrade": "x"}}},
            {
                "transport.headers.Upgrade": "cannot be set: "
                "it asks for another protocol, which the transport does not speak"
            },
        ),
        (
            {"transport": {"http2": 1, "headers": [], "ca_file": 1, "tls": 1, "max_reply_bytes": "x"}},
            {
                "transport.http2": "must be true or false, not an integer",
                "transport.headers": "must be a table (mapping), not a list",
                "transport.ca_file": "must be text, not an integer",
                "transport.max_reply_bytes": "must be an integer, not text",
                "transport.tls": None,
            },
        ),
        ({"transport": {"auth": "x"}}, {"transport.auth": "must be a table (mapping), not text"}),
        (
            {"transport": {"auth": {"token": "", "name": "x"}}},
            {"transport.auth.token": "must not be empty", "transport.auth.name": None},
        ),
        ({"transport": {"auth": {"token": "t", "user": "x"}}}, {"transport.auth": _AUTH}),
        ({"transport": {"auth": {"token": "t", "password": "x"}}}, {"transport.auth": _AUTH}),
        (
            {"transport": {"auth": {"user": "a:b", "password": "c"}}},
            {"transport.auth.user": "has a colon, which separates user and password"},
        ),
        ({"transport": {"auth": {"user": "a"}}}, {"transport.auth.password": "is missing"}),
        ({"urls": [], "time out": 1}, {"urls": None, "['time out']": None}),
    ],
    ids=str,
)
def test_every_problem_of_a_callback_is_told_at_once(
    settings: dict[str, Any], wanted: dict[str, str | None]
) -> None:
    """Each with the path of its field (None where only the path counts)."""
    found = problems(load_groups, group(**settings))

    paths = {
        f"$.callbacks[0]{'' if path.startswith('[') else '.'}{path}": problem
        for path, problem in wanted.items()
    }
    assert found.keys() == paths.keys()
    for path, problem in paths.items():
        assert problem is None or found[path] == problem


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        (5, {"$": "must be a list of groups, or a table of groups by name"}),
        (None, {"$": "must be a list of groups, or a table of groups by name"}),
        ({"groups": 5}, {"$.groups": "must be a list of groups, or a table of groups by name"}),
        ({"groups": "a"}, {"$.groups": "must be a list of groups, or a table of groups by name"}),
        ({"groups": [], "more": 1, "b a": 2}, {"$.more": None, "$['b a']": None}),
        ({}, {"$": "has no group; there must be at least one"}),
        ({"name": "a"}, {"$.callbacks": "is missing"}),
        ({"oncall": 5}, {"$.name": "is missing", "$.callbacks": "is missing", "$.oncall": None}),
        (
            [5, []],
            {
                "$[0]": "must be a table (mapping), not an integer",
                "$[1]": "must be a table (mapping), not a list",
            },
        ),
        ({"groups": {"a": 5}}, {"$.groups.a": "must be a table (mapping), not an integer"}),
        ({"groups": {"a b": {}}}, {"$.groups['a b'].callbacks": "is missing"}),
        (
            {"groups": {"\ud800": {}}},
            {r"$.groups['\ud800'].callbacks": "is missing", r"$.groups['\ud800'].name": None},
        ),
        ({"a": {}, "b": {"callbacks": 5}}, {"$.a.callbacks": "is missing", "$.b.callbacks": None}),
        ({1: {"callbacks": [CALLBACK]}}, {"$.1.name": "must be text, not an integer"}),
        ({"groups": [{**GROUP, "callbacks": []}]}, {"$.groups[0].callbacks": None}),
        (
            {"groups": [GROUP, {**GROUP, "timeout": 0, "callbacks": [CALLBACK, {"url": ""}]}]},
            {
                "$.groups[1].timeout": "must be more than 0 seconds, not 0",
                "$.groups[1].callbacks[1].url": "must not be empty",
                "$.groups[1].callbacks[1].format": "is missing",
            },
        ),
        ([GROUP, GROUP], {"$[1].name": "'oncall' occurs twice; each group needs a name of its own"}),
        ([GROUP, {"name": ""}, GROUP], {"$[1].name": None, "$[1].callbacks": None, "$[2].name": None}),
        ({"a": GROUP}, {"$.a.name": "is 'oncall' in a table that is called 'a'"}),
        (
            {"name": "oncall", "callbacks": [{**CALLBACK, "headers": {"Host": "x", "A B": "y"}}]},
            {
                "$.callbacks[0].headers.Host": "cannot be set: the transport writes it from the URL",
                "$.callbacks[0].headers['A B']": None,
            },
        ),
        (
            {"name": "oncall", "callbacks": [CALLBACK], "schedule": {"delays": [-1, "x", 5, -3]}},
            {
                "$.schedule.delays[0]": "must be at least 0 seconds, not -1",
                "$.schedule.delays[1]": "must be a number, not text",
                "$.schedule.delays[3]": "must be at least 0 seconds, not -3",
            },
        ),
        ({**GROUP, "callbacks": CALLBACK}, {"$.callbacks": "must be a list, not a mapping"}),
        (
            {**GROUP, "confirmation": "x", "limit": 1},
            {"$.confirmation": _WRONG_CONFIRMATION, "$.limit": None},
        ),
    ],
    ids=[f"case {number}" for number in range(23)],
)
def test_every_problem_of_the_groups_is_told_at_once(source: Any, wanted: dict[str, str | None]) -> None:
    """Of all groups together, each with the path of its field (None where only the path counts)."""
    found = problems(load_groups, source)

    assert found.keys() == wanted.keys()
    for path, problem in wanted.items():
        assert problem is None or found[path] == problem


def test_no_secret_is_told() -> None:
    """What is wrong beside a secret does not show it."""
    found = problems(
        load_groups,
        group(
            url="https://user:hunter2@ops.example.com:x/hunter2",
            headers={"X-Key": "hunter2\n"},
            transport={"auth": {"user": "hunter2:", "password": "hunter2"}, "proxy": "ftp://u:hunter2@h"},
        ),
    )

    assert found.keys() == {
        "$.callbacks[0].url",
        "$.callbacks[0].headers.X-Key",
        "$.callbacks[0].transport.auth.user",
    }
    assert "hunter2" not in str(found)


def test_the_error_names_its_source(tmp_path: Path) -> None:
    """The file, or that it was a mapping."""
    path = tmp_path / "groups.toml"
    path.write_text("[[groups]]\n")

    for source, name in ((path, str(path)), ({}, "the alarm groups"), ({"groups": 1}, "the alarm groups")):
        with pytest.raises(ConfigurationError) as caught:
            load_groups(source)
        assert caught.value.source == name


_KEYS = [
    "groups",
    "name",
    "callbacks",
    "url",
    "format",
    "timeout",
    "schedule",
    "confirmation",
    "transport",
    "headers",
    "limit",
    "attempts",
    "delays",
    "kind",
    "auth",
    "user",
    "token",
    "json_field",
    "equals",
    "session_echo",
    "all",
    "any",
    "dialect",
]
_WRITTEN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["blueking", "2xx", "", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4),
    max_leaves=10,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given((JSON_VALUES | _WRITTEN).filter(lambda value: not isinstance(value, str)), _WRITTEN)
def test_no_json_value_makes_loading_raise_anything_else(value: Any, setting: Any) -> None:
    """Whatever is written down, what is wrong is told by one exception."""
    sources = [value, *(group(**{key: setting}) for key in ("format", "schedule", "confirmation", "headers"))]
    for source in sources:
        try:
            assert isinstance(load_groups(source), dict)
        except ConfigurationError as error:
            assert str(error).encode()  # noqa: PT017 - both ends are right


@pytest.mark.parametrize("source", [[], {"groups": []}, {"groups": {}}])
def test_a_source_without_a_group_is_an_error(source: Any) -> None:
    """Nobody would be told, and nobody would notice."""
    with pytest.raises(ConfigurationError, match=r"\$: has no group"):
        load_groups(source)


@pytest.mark.parametrize(
    ("key", "value", "loaded"),
    [
        ("rate", "20/60", Rate(20, 60)),
        ("rate", 4, Rate(1, 0.25)),
        ("rate", False, False),
        ("circuit", True, True),
        ("circuit", {"failures": 3, "pause": 10}, Circuit(failures=3, pause=10)),
        ("supersede", True, True),
        ("max_age", 600, 600),
    ],
)
def test_what_spares_a_receiver(key: str, value: Any, loaded: object) -> None:
    """The same values as in code."""
    group = load_groups({"name": "oncall", "callbacks": [{**CALLBACK, key: value}]})["oncall"]

    assert getattr(group.callbacks[0], key) == loaded


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("rate", "fast", r"\$\.callbacks\[0\]\.rate: is no rate: 'fast'"),
        ("rate", 0, r"\$\.callbacks\[0\]\.rate: is no rate: 0"),
        ("rate", True, r"\$\.callbacks\[0\]\.rate: is no rate: True"),
        ("circuit", {"failures": 0}, r"\$\.callbacks\[0\]\.circuit\.failures: must be at least 1"),
        ("circuit", 3, r"\$\.callbacks\[0\]\.circuit: must be a table \(mapping\)"),
        ("max_age", -1, r"\$\.callbacks\[0\]\.max_age: must be more than 0"),
    ],
)
def test_what_spares_no_receiver(key: str, value: Any, problem: str) -> None:
    """An error that names the path and what is allowed."""
    with pytest.raises(ConfigurationError, match=problem):
        load_groups({"name": "oncall", "callbacks": [{**CALLBACK, key: value}]})


def test_a_window_is_the_groups() -> None:
    """In seconds, and the error names its path."""
    loaded = load_groups({"name": "oncall", "callbacks": [CALLBACK], "window": 30})

    assert loaded["oncall"].window == 30
    assert problems(load_groups, [{**GROUP, "window": 0}]) == {
        "$[0].window": "must be more than 0 seconds, not 0"
    }


def test_a_fallback_is_one_of_the_groups() -> None:
    """It may be a later one, and one that is wrong itself is no unknown one."""
    loaded = load_groups(
        {"oncall": {"callbacks": [{**CALLBACK, "fallback": "second"}]}, "second": {"callbacks": [CALLBACK]}}
    )

    assert loaded["oncall"].callbacks[0].fallback == "second"
    assert problems(load_groups, [group(fallback="second"), {**GROUP, "name": "second", "timeout": 0}]) == {
        "$[1].timeout": "must be more than 0 seconds, not 0"
    }


def test_a_fallback_that_nobody_would_get() -> None:
    """One that is not there, its own group, and what is no name at all."""
    found = problems(
        load_groups,
        [
            {**GROUP, "callbacks": [CALLBACK, {**CALLBACK, "fallback": "thrid"}]},
            {**group(fallback="second"), "name": "second"},
            {**group(fallback=3), "name": "third"},
        ],
    )

    assert found == {
        "$[0].callbacks[1].fallback": "'thrid' is none of the groups: oncall, second, third",
        "$[1].callbacks[0].fallback": "is its own group, which had the alarm already",
        "$[2].callbacks[0].fallback": "must be text, not an integer",
    }


def test_a_robot_is_written_with_its_secret_elsewhere(monkeypatch, tmp_path):
    """``env:`` and ``file:`` stand for secrets in a format's options, and what is no text stays as it is."""
    monkeypatch.setenv("ROBOT", "SEC1")
    (tmp_path / "key").write_text("SEC2\n")
    source = tmp_path / "groups.toml"
    source.write_text(
        f"""
        name = "oncall"

        [[callbacks]]
        url = "https://oapi.dingtalk.com/robot/send?access_token=t"
        [callbacks.format]
        name = "dingtalk"
        secret = "env:ROBOT"
        mentions = {{mobiles = ["138"], everybody = true}}

        [[callbacks]]
        url = "https://open.feishu.cn/open-apis/bot/v2/hook/t"
        format = {{name = "feishu", kind = "text", secret = "file:{(tmp_path / "key").as_posix()}"}}

        [[callbacks]]
        url = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k"
        [callbacks.format]
        name = "wecom"
        language = "en"
        zone = "+01:00"
        template = "{{headline}}"
        mentions = ["wang"]
        """
    )

    ding, lark, wechat = load_groups(source)["oncall"].callbacks

    assert ding.format == dingtalk.Format(secret="SEC1", mentions={"mobiles": ["138"], "everybody": True})
    assert lark.format == feishu.Format(secret="SEC2", kind="text")
    assert wechat.format == wecom.Format(
        language="en", zone="+01:00", template="{headline}", mentions=["wang"]
    )
    assert "SEC1" in ding.secrets
