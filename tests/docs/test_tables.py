"""The tables of the reference say what the code does."""

from __future__ import annotations

import contextlib
import inspect
import json
import re
import sqlite3
import types
import typing
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import attrs
import pytest

from alarm_dispatch import Alarm, formats, load_alarm, model, schedule
from alarm_dispatch.callbacks import DEFAULT_LIMIT as DEFAULT_CALLBACK_LIMIT
from alarm_dispatch.callbacks import Callback
from alarm_dispatch.cli.stored import stored_document
from alarm_dispatch.delivery import DeliveryStatus
from alarm_dispatch.dispatcher import DEFAULT_BACKLOG, DEFAULT_LIMIT
from alarm_dispatch.egress import EgressPolicy
from alarm_dispatch.egress.registry import REGISTRY, Kind
from alarm_dispatch.errors import EgressRefusedError
from alarm_dispatch.exchange import Verdict
from alarm_dispatch.formats import (
    alertmanager,
    aliyun,
    apprise,
    blueking,
    cloudevents,
    pagerduty,
    slack,
    tencent,
    tencent_legacy,
)
from alarm_dispatch.formats.abilities import limits_of, rate_of
from alarm_dispatch.formats.slack import replies as slack_replies
from alarm_dispatch.formats.template import budget
from alarm_dispatch.formats.template.filters import FILTERS
from alarm_dispatch.formats.template.samples import CONTEXT as _CONTEXT
from alarm_dispatch.formats.template.sandbox import Program
from alarm_dispatch.formats.tencent.dimensions.shape import KEY
from alarm_dispatch.groups import AlarmGroup
from alarm_dispatch.limits import DEFAULT_MAX_RETRY_AFTER
from alarm_dispatch.loading.groups import _HttpxSettings
from alarm_dispatch.loading.signers import HmacSettings, StandardWebhooksSettings
from alarm_dispatch.outbox import Entry, LaneKey, SqliteOutbox, StoredDelivery, StoredStatus
from alarm_dispatch.receiver import StepKind
from alarm_dispatch.receiver.hostile import CATALOGUE
from alarm_dispatch.request_headers import FORBIDDEN
from alarm_dispatch.signing import Algorithm, Encoding, SignatureRefusal, Signs
from alarm_dispatch.transports.auth import BasicAuth, BearerAuth
from alarm_dispatch.transports.framing import MAX_HEAD_BYTES, MAX_HEADERS
from alarm_dispatch.transports.settings import DEFAULT_MAX_REPLY_BYTES

from ..cli.runs import run
from ..formats.alarms import EVENT_ALARM, METRIC_ALARM, STARTED
from ..formats.open_formats import OPEN_FORMATS
from ..paths import ALARMS, ROOT

REFERENCE = ROOT / "docs" / "reference"
_VENDORS = ("aliyun", "blueking", "tencent", "tencent_legacy")
_SHARED = {"alarmObjInfo.appId", "alarmObjInfo.uin"}
_CONDITIONS = "alarmPolicyInfo.conditions"
# The older format shares these classes with the current one, and never fills in these.
_NOT_OLDER = {*_SHARED, f"{_CONDITIONS}.calcUnit", f"{_CONDITIONS}.historyValue"}


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    text = (REFERENCE / page).read_text("utf-8")
    section = re.split(r"^#+ ", text.split(f"# {heading}\n", 1)[1], flags=re.MULTILINE)[0]
    table = re.search(r"^\|.*\|$(?:\n^\|.*\|$)+", section, re.MULTILINE)
    assert table is not None
    # A cell of code may hold a bar only escaped, and none does.
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[0].splitlines()[2:]]


def names(page: str, heading: str, column: int = 0) -> list[str]:
    """What is in code in a column, in the table's order."""
    return [name for row in rows(page, heading) for name in re.findall(r"`([^`]+)`", row[column])]


def paths(kind: type, before: str = "") -> Iterator[tuple[str, bool]]:
    """Every path in a wire class, and whether it is a leaf."""
    hints = typing.get_type_hints(kind)
    for attribute in attrs.fields(kind):
        if attribute.name in {"extra", "extensions"}:
            continue
        # An underscore at the end is Python's affair.
        path = f"{before}{attribute.name.rstrip('_')}"
        inner, sign = _inner(hints[attribute.name])
        yield path, inner is None
        if inner is not None:
            yield from paths(inner, f"{path}{sign}.")


def _inner(hint: Any) -> tuple[Any, str]:
    """The wire class inside a type, and the sign for how it is held."""
    if attrs.has(hint):
        return hint, ""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        return next((_inner(argument) for argument in arguments if _inner(argument)[0]), (None, ""))
    if origin in {dict, list} and attrs.has(arguments[-1]):
        return arguments[-1], ".*" if origin is dict else "[]"
    return None, ""


@pytest.mark.parametrize(
    ("page", "heading", "column", "kind", "left_out"),
    [
        ("formats/blueking.md", "Fields", 0, blueking.Notice, set()),
        ("formats/tencent.md", "Metric alarms", 0, tencent.MetricAlarm, set()),
        ("formats/tencent.md", "Event alarms", 0, tencent.EventAlarm, set()),
        ("formats/tencent-legacy.md", "Fields", 0, tencent_legacy.DocumentedAlarm, _NOT_OLDER),
        ("formats/tencent-legacy.md", "Fields", 1, tencent_legacy.ObservedAlarm, _NOT_OLDER),
        ("formats/aliyun.md", "Fields", 0, aliyun.Notice, set()),
        ("formats/alertmanager.md", "Fields", 0, alertmanager.Message, set()),
        ("formats/cloudevents.md", "Fields", 0, cloudevents.Event, {"dataschema"}),
        ("formats/pagerduty.md", "Fields", 0, pagerduty.Event, set()),
        ("formats/slack.md", "Fields", 0, slack.Message, set()),
        ("formats/apprise.md", "Fields", 0, apprise.Message, set()),
    ],
)
def test_every_wire_field_has_its_row(page, heading, column, kind, left_out):
    """In the order in which it is sent."""
    told = [row[0 if row[column] == "the same" else column].strip("`") for row in rows(page, heading)]
    known = dict(paths(kind))

    assert set(told) <= known.keys()
    assert {path for path, leaf in known.items() if leaf} - left_out <= set(told)
    assert not set(told) & left_out
    if kind is not tencent_legacy.ObservedAlarm:
        assert told == [path for path in known if path in told]


_ABSENT = object()
_BODIES = [
    ("formats/blueking.md", "Fields", "blueking", METRIC_ALARM, "blueking-anomaly.json"),
    ("formats/tencent.md", "Metric alarms", "tencent", METRIC_ALARM, "tencent-metric.en.json"),
    ("formats/tencent.md", "Event alarms", "tencent", EVENT_ALARM, "tencent-event.en.json"),
    ("formats/aliyun.md", "Fields", "aliyun", METRIC_ALARM, "aliyun-threshold.json"),
]


def body(name: str, dialect: str, alarm: Alarm) -> Any:
    """What the format sends for an alarm."""
    options = {"signer": lambda _parameters: "signed"} if name == "aliyun" else {}
    context = formats.BuildContext(
        session_id="abc", now=STARTED + timedelta(seconds=60), url="https://ops.example.com/?team=database"
    )
    content = formats.get(name, dialect=dialect, **options).build(alarm, context).content
    return dict(parse_qsl(content.decode())) if name == "aliyun" else json.loads(content)


def at(value: Any, path: str) -> Any:
    """The value at a path of a table, or the absent mark."""
    for step in path.replace("[]", ".[]").split("."):
        if step == "*":
            value = next(iter(value.values()), _ABSENT)
        elif step == "[]":
            value = value[0]
        else:
            value = value.get(step, _ABSENT)
        if value is _ABSENT:
            break
    return value


@pytest.mark.parametrize(("page", "heading", "name", "rich", "poor"), _BODIES)
@pytest.mark.parametrize("dialect", ["documented", "observed"])
def test_a_dialect_sends_what_its_column_says(page, heading, name, rich, poor, dialect):
    """All but the dashes for an alarm that knows everything, and what is always sent for a poor one."""
    column = 2 if dialect == "documented" else 3
    of_rich, of_poor = body(name, dialect, rich), body(name, dialect, load_alarm(ALARMS / poor))

    for row in rows(page, heading):
        path, cell = row[0].strip("`"), row[column]
        value = at(of_rich, path)
        assert (value is _ABSENT) == (cell == "—"), path
        if cell.startswith("always"):
            assert at(of_poor, path) is not _ABSENT, path
        if "a number" in cell or "an integer" in cell:
            assert isinstance(value, int), path
        elif cell.endswith("text"):
            assert isinstance(value, str), path


@pytest.mark.parametrize(("dialect", "column"), [("documented", 0), ("observed", 1)])
def test_the_older_format_sends_what_its_columns_say(dialect, column):
    """In either dialect all rows, under the key of its column."""
    sent = body("tencent_legacy", dialect, METRIC_ALARM)

    for row in rows("formats/tencent-legacy.md", "Fields"):
        path = row[0 if row[column] == "the same" else column].strip("`")
        value = at(sent, path)
        assert value is not _ABSENT, path
        if row[3].endswith("a number"):
            assert isinstance(value, int), path
        elif row[3].endswith("text") and path != "alarmStatus":
            assert isinstance(value, str), path


@pytest.mark.parametrize(
    ("page", "heading"), [("formats/tencent.md", "Of metrics"), ("formats/tencent.md", "Of events")]
)
def test_the_typed_dimensions_have_their_keys(page, heading):
    """Each class, its product, and each attribute with its key."""
    shapes = tencent.METRIC_DIMENSIONS if heading == "Of metrics" else tencent.EVENT_DIMENSIONS
    optional = {"obj_id": "objId", "obj_name": "objName"} if heading == "Of metrics" else {}
    told = {
        row[0].strip("`"): (row[1], dict(re.findall(r"`(\w+)` as `([\w.]+)`", row[2])))
        for row in rows(page, heading)
    }

    for shape in shapes:
        keys = {attribute.name: attribute.metadata[KEY] for attribute in attrs.fields(shape)}
        product, listed = told[shape.__name__]
        assert product == shape.product
        assert listed | optional == keys
    assert len(told) == len(set(shapes))


def test_the_delivery_rules():
    """Each format in each dialect."""
    told = rows("delivery-rules.md", "By format")

    expected = []
    for name in (one for one in formats.names() if one not in OPEN_FORMATS):
        has_dialects = "dialect" in {field.name for field in attrs.fields(type(formats.get(name)))}
        for dialect in formats.Dialect if has_dialects else ("—",):
            rules = formats.get(name, **({"dialect": dialect} if has_dialects else {})).rules
            expected.append(
                [
                    f"`{name}`",
                    str(dialect),
                    f"{rules.timeout:g} s",
                    str(rules.schedule.attempts),
                    ", ".join(f"{delay:g} s" for delay in rules.schedule.delays or ()),
                    rules.confirmation.text,
                ]
            )
    assert told == expected


def test_the_limits_and_rates():
    """Each format that has any, as it is made without options."""
    told = {row[0].strip("`"): (row[1], row[2]) for row in rows("delivery-rules.md", "Rates and limits")}

    expected = {}
    for name in formats.names():
        made = formats.get(name, **OPEN_FORMATS.get(name, {}))
        rate, limits = rate_of(made), limits_of(made)
        if rate is not None or limits:
            expected[name] = ("" if rate is None else str(rate), "; ".join(limits))
    assert told == expected


def test_the_json_of_the_list_of_formats():
    """Each key, and each of its rules'."""
    (entry,) = (one for one in json.loads(run("formats", "--json").stdout) if one["name"] == "slack")

    told = rows("command-line.md", "formats")
    assert [row[0].strip("`") for row in told] == list(entry)
    assert re.findall(r"`(\w+)`", told[-1][1]) == list(entry["rules"][0])[1:]


def test_the_delivery_rules_of_the_open_formats():
    """Each, without dialects."""
    expected = []
    for name, options in sorted(OPEN_FORMATS.items()):
        rules = formats.get(name, **options).rules
        waits = ", ".join(f"{delay:g} s" for delay in rules.schedule.delays or ())
        attempts = str(rules.schedule.attempts)
        expected.append([f"`{name}`", f"{rules.timeout:g} s", attempts, waits, rules.confirmation.text])

    assert rows("delivery-rules.md", "By open format") == expected


def test_slacks_final_errors_have_their_rows():
    """All of them."""
    told = names("formats/slack.md", "Final errors")

    assert sorted(told) == sorted(slack_replies._FINAL)


def test_what_a_template_sees_has_its_rows():
    """Its variables and filters, and how much it may do."""
    known = Program.compiled("{}", frozenset()).template.environment
    variables = formats.get("template", text="{}")._variables(None, _CONTEXT)

    assert names("formats/template.md", "Variables and functions") == [*variables, "range"]
    assert sorted(names("formats/template.md", "Filters of its own")) == sorted(FILTERS)
    jinjas = sorted(known.filters.keys() - FILTERS.keys())
    assert sorted(names("formats/template.md", "Filters of Jinja")) == jinjas
    figures = [row[1] for row in rows("formats/template.md", "Bounds")]
    assert figures == [
        f"{budget.LONGEST_SOURCE:,} characters",
        f"{budget.LONGEST_RANGE:,} numbers",
        f"2<sup>{budget.LARGEST_INTEGER.bit_length() - 1}</sup>, as large as one in JSON may be",
        f"{budget.MOST_STEPS:,} parts",
        f"{budget.MOST_CHARACTERS:,} characters",
        f"{budget.MOST_ITEMS:,} values",
        "1,048,576 bytes, or `max_bytes`",
    ]


def test_the_readme_has_the_same_rules():
    """Those of the documented dialect."""
    readme = (ROOT / "README.md").read_text("utf-8")
    for name in formats.names():
        rules = formats.get(name, **OPEN_FORMATS.get(name, {})).rules
        waits = ", ".join(f"{delay:g} s" for delay in rules.schedule.delays or ())
        start = f"| `{name}` | {rules.timeout:g} s | {rules.schedule.attempts}: {waits} | "
        assert start in readme


def test_every_verdict_has_its_row():
    """The set is closed."""
    assert names("verdicts.md", "Verdicts") == [str(verdict) for verdict in Verdict]


def test_every_status_has_its_row():
    """In the code's order."""
    assert names("verdicts.md", "Statuses of a delivery") == [str(status) for status in DeliveryStatus]


def test_every_status_of_an_outbox_has_its_row():
    """In the code's order, with what a handle is told."""
    told = {
        row[0].strip("`"): row[2].strip("`") for row in rows("outbox.md", "Statuses of a stored delivery")
    }

    assert list(told) == [str(status) for status in StoredStatus]
    assert {ended for ended in told.values() if ended} == {str(status) for status in DeliveryStatus}


def test_every_column_of_an_outbox_has_its_row(tmp_path):
    """In the tables' order."""
    path = tmp_path / "alarms.db"
    SqliteOutbox(path).trim(now=STARTED)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        tables = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if not name.startswith("sqlite_")
        ]
        for table in tables:
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            assert names("outbox.md", table) == columns
    assert len(tables) == 6


def test_how_long_an_outbox_keeps():
    """The how-to guide and the reference have the figures of the code."""
    defaults = inspect.signature(SqliteOutbox).parameters
    guide = (ROOT / "docs" / "how-to" / "outbox.md").read_text("utf-8")
    figures = dict(rows("outbox.md", "Figures"))

    for name, kind, words in (
        ("settled", "delivered, superseded", "settled deliveries are kept"),
        ("dead", "dead", "dead letters are kept"),
    ):
        days = defaults[f"keep_{name}"].default / 86_400
        most = defaults[f"max_{name}"].default
        assert f"| {kind} | {days:g} days | {most:,} |" in guide
        assert figures[words] == f"{days:g} days, {most:,} of them at most"


def test_every_key_of_a_listed_delivery_has_its_row():
    """As ``outbox list --json`` prints it."""
    entry = Entry(id="a", lane=LaneKey("b", "c"), alarm_id="d", level=0, content=b"{}", created_at=STARTED)

    assert names("command-line.md", "list") == [
        *stored_document(StoredDelivery(entry=entry, status=StoredStatus.DEAD))
    ]


def test_every_setting_that_is_the_dispatchers_has_its_figure():
    """Where the rules tell what counts, they tell what it is unless it is set."""
    told = {row[0]: row[1] for row in rows("delivery-rules.md", "Whose setting counts")}

    assert f": {DEFAULT_CALLBACK_LIMIT} unless set" in told["limit"]
    assert f": {DEFAULT_LIMIT} unless set" in told["limit"]
    assert f": {DEFAULT_BACKLOG:,} unless set" in told["backlog"]
    assert f": {DEFAULT_MAX_RETRY_AFTER:g} s unless set" in told["max_retry_after"]


def test_every_forbidden_header_has_its_row():
    """In the code's order, with the end of its reason or its beginning."""
    told = {row[0].strip("`").lower(): row[1] for row in rows("headers.md", "What may not be set")}

    assert list(told) == list(FORBIDDEN)
    for name, why in FORBIDDEN.items():
        assert told[name] in why


def test_every_reason_of_a_refused_signature_has_its_row():
    """The set is closed."""
    told = names("signing.md", "Why a signature is refused")

    assert told == [str(reason) for reason in SignatureRefusal]


def test_every_setting_of_an_hmac_has_its_values():
    """In the code's order."""
    told = {
        row[0].strip("`"): re.findall(r"`([^`]+)`", row[1]) for row in rows("signing.md", "A generic HMAC")
    }

    assert told == {
        "algorithm": list(map(str, Algorithm)),
        "encoding": list(map(str, Encoding)),
        "signs": list(map(str, Signs)),
    }


def test_every_word_of_a_script_has_its_row():
    """A status stands for itself."""
    told = {name.partition(":")[0] for name in names("receiver.md", "Words")}

    assert set(StepKind) - {StepKind.STATUS} <= told


def test_every_kind_of_harm_has_its_row():
    """With what is done, the verdicts, and why, in the catalogue's order."""
    assert rows("hostile.md", "Catalogue") == [
        [f"`{one.name}`", one.what, " or ".join(f"`{verdict}`" for verdict in one.verdicts), one.why]
        for one in CATALOGUE.values()
    ]


def test_the_bounds_of_a_reply_have_their_figures():
    """Those of the code."""
    told = [row[1] for row in rows("transports.md", "What is read of a reply")]

    assert told[0] == f"`max_reply_bytes`: {DEFAULT_MAX_REPLY_BYTES:,} bytes unless set"
    assert told[1:3] == [f"{MAX_HEAD_BYTES:,} bytes", str(MAX_HEADERS)]


@pytest.mark.parametrize(
    ("heading", "kinds", "left_out"),
    [
        ("A group", [AlarmGroup], set()),
        ("A callback", [Callback], set()),
        ("A schedule", [schedule.RetrySchedule], {"stop", "wait"}),
        ("A transport", [_HttpxSettings], set()),
        ("An egress policy", [EgressPolicy], set()),
        ("Authentication", [BasicAuth, BearerAuth], set()),
        ("A signer, of Standard Webhooks", [StandardWebhooksSettings], set()),
        ("A signer, of a generic HMAC", [HmacSettings], set()),
        ("The alarm itself", [model.Alarm], set()),
        ("policy", [model.Policy], set()),
        ("condition, of a metric", [model.MetricCondition], set()),
        ("condition, of an event", [model.EventCondition], set()),
        ("metric", [model.Metric], set()),
        ("repeat", [model.Repeat], set()),
        ("target", [model.Target], set()),
        ("dimension_labels", [model.DimensionLabel], set()),
        ("tenant", [model.Tenant], set()),
        ("anomaly_records", [model.AnomalyRecord], set()),
        ("anomalies", [model.Anomaly], set()),
    ],
)
def test_every_key_of_a_file_has_its_row(heading, kinds, left_out):
    """And says whether it must be there."""
    told = {row[0].strip("`"): row for row in rows("configuration.md", heading)}
    known = {field.alias: field for kind in kinds for field in attrs.fields(kind) if field.init}

    assert told.keys() - {"kind"} == known.keys() - left_out - {"kind"}
    for name in known.keys() - left_out:
        must = known[name].default is attrs.NOTHING
        assert must == ("required" in told[name][1]), name


_OF_A_KIND = {
    "public": "8.8.8.8",
    "loopback": "127.0.0.1",
    "private network": "fd00::1",
    "shared address space": "100.64.0.1",
    "link-local": "fe80::1",
    "cloud metadata": "169.254.169.254",
    "multicast": "ff02::1",
    "broadcast": "255.255.255.255",
    "unspecified": "::",
    "this network": "0.0.0.1",
    "documentation": "192.0.2.1",
    "benchmarking": "198.18.0.1",
    "site-local": "fec0::1",
    "IPv4-compatible": "::8.8.8.8",
    "local-use NAT64": "64:ff9b:1::1",
    "6to4": "2002:808:808::1",
    "Teredo": "2001:0:808:808:0:0:f7f7:f7f7",
    "reserved": "240.0.0.1",
}


def test_every_kind_of_address_has_its_row():
    """With what either preset does about it."""
    text = (REFERENCE / "egress.md").read_text("utf-8")
    table = re.findall(
        r"^\| `([^`]+)` \| [^|]+ \| (may be called|refused) \| (may be called|refused) \|$",
        text,
        re.MULTILINE,
    )
    decided = []

    for kind, address in _OF_A_KIND.items():
        cells = []
        for policy in (EgressPolicy.internal(), EgressPolicy.public_only()):
            try:
                policy.check_address(address, "http://h/")
                cells.append("may be called")
            except EgressRefusedError as error:
                cells.append("refused" if error.rule == kind else error.rule)
        decided.append((kind, *cells))

    assert table == decided
    assert list(_OF_A_KIND) == list(Kind)


def test_every_network_of_the_registry_has_its_row():
    """In the order of the code."""
    told = [(row[0].strip("`"), row[1].strip("`"), row[2]) for row in rows("egress.md", "Networks")]

    assert told == [(network, str(kind), source) for network, kind, source in REGISTRY]


@pytest.mark.parametrize(
    ("rules", "url", "address"),
    [
        ({"https_only": True}, "http://h/", None),
        ({"deny_ports": [80]}, "http://h/", None),
        ({"allow_ports": [81]}, "http://h/", None),
        ({"deny_hosts": ["h"]}, "http://h/", None),
        ({"allow_hosts": ["i"]}, "http://h/", None),
        ({"deny_networks": ["10.0.0.1"]}, "http://10.1/", None),
        ({"allow_networks": ["10.0.0.2"]}, "http://10.1/", None),
        ({}, "h", None),
        ({}, "http://h/", "h"),
    ],
)
def test_every_rule_has_its_row(rules, url, address):
    """Beside the kinds of addresses."""
    policy = EgressPolicy.internal(**rules)

    with pytest.raises(EgressRefusedError) as refused:
        policy.check_url(url) if address is None else policy.check_address(address, url)

    assert refused.value.rule in names("egress.md", "Rules")


def test_every_spelling_of_a_host_has_its_row():
    """What is called is what the row says."""
    for written, read in ((row[0], row[1]) for row in rows("egress.md", "Spellings of a host")):
        told = re.match("`([^`]+)`", read)
        for host in re.findall("`([^`]+)`", written):
            address = Callback(f"http://{host}/", format="tencent").address
            assert address == f"http://{told[1] if told else host}/"
