"""A canary in every secret place of a callback, sent through every door, and seen at none."""

from __future__ import annotations

import asyncio
import logging
import pickle
import traceback
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

from alarm_dispatch import AlarmGroup, AsyncDispatcher, Callback, Dispatcher, DispatchReport, load_groups
from alarm_dispatch.errors import AlarmDispatchError, ConfigurationError, DispatchFailedError
from alarm_dispatch.outbox import SqliteOutbox
from alarm_dispatch.redaction import redact_url
from alarm_dispatch.transports.auth import BearerAuth
from alarm_dispatch.transports.httpx import HttpxTransport
from tests.cli.runs import run
from tests.dispatch.alarms import METRIC_ALARM
from tests.paths import ALARMS

from .birds import HEADERS, MARK, added, found_in, removed

# It echoes what it was sent, and fails first, so that there is something to tell.
SCRIPT = f'500,200:{{"retCode":"{MARK}-header","sessionId":"{MARK}-password"}}'
TOKEN = f"{MARK}-token"


def _callback(url: str, **settings: Any) -> Callback:
    settings = {"format": "tencent_legacy", "headers": HEADERS, "schedule": _SOON, **settings}
    return Callback(added(url), **settings)


_SOON = attrs.evolve(Callback("http://h/", format="tencent").format.rules.schedule, delays=(0,), attempts=2)


@pytest.fixture(autouse=True)
def _every_record(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def _seen_of(report: DispatchReport, told: list[Any]) -> str:
    """All that a report and what hooks were told show."""
    shown = [report, told, *report.deliveries, *(delivery.callback for delivery in report.deliveries)]
    texts = [f"{one} {one!r}" for one in shown]
    texts += [str(attrs.asdict(one)) for one in (report, *told)]
    texts += [delivery.outcome for delivery in report.deliveries]
    try:
        report.raise_for_failure()
    except DispatchFailedError as error:
        texts += traceback.format_exception(error)
    texts.append(pickle.dumps((report, told)).decode("latin-1"))
    return "\n".join(texts)


def _httpx() -> Any:
    return HttpxTransport(auth=BearerAuth(TOKEN))


def _own_client() -> Any:
    # Nobody closes it, so it keeps no connection.
    client = httpx.AsyncClient(limits=httpx.Limits(max_keepalive_connections=0))
    return HttpxTransport(client=client, headers={"X-Token": TOKEN})


def _aiohttp() -> Any:
    pytest.importorskip("aiohttp", reason="the extra fast is not installed")
    from alarm_dispatch.transports.aiohttp import AiohttpTransport

    return AiohttpTransport(headers={"X-Token": TOKEN})


_TRANSPORTS = {"httpx": _httpx, "own client": _own_client, "aiohttp": _aiohttp}


@pytest.mark.parametrize("door", [Dispatcher, AsyncDispatcher])
@pytest.mark.parametrize("make", _TRANSPORTS.values(), ids=_TRANSPORTS)
def test_dispatchers(make: Any, door: Any, loopback_receiver: Any, caplog: Any) -> None:
    """Report, hooks, log (of asyncio's debug mode, too), errors, pickles."""
    receiver = loopback_receiver(SCRIPT)
    group = AlarmGroup("oncall", callbacks=[_callback(receiver.url), _callback("http://127.0.0.1:1/")])
    told: list[Any] = []

    async def main() -> DispatchReport:
        async with AsyncDispatcher(transport=make(), hooks=[told.append]) as dispatcher:
            return await dispatcher.dispatch(METRIC_ALARM, group)

    if door is Dispatcher:
        with Dispatcher(transport=make(), hooks=[told.append]) as dispatcher:
            report = dispatcher.dispatch(METRIC_ALARM, group)
    else:
        report = asyncio.run(main(), debug=True)

    request = receiver.requests[0]
    assert found_in(request.target)
    assert found_in(request.header("x-canary"))
    assert found_in(request.header("authorization"))
    assert len(told) == 6
    assert not report.ok
    assert found_in(_seen_of(report, told)) is None
    assert found_in(caplog.text) is None


def test_the_log_is_not_silent(loopback_receiver: Any, caplog: Any) -> None:
    """What the library logs is masked, and still there."""
    receiver = loopback_receiver(200)

    with Dispatcher(transport=_own_client()) as dispatcher:
        dispatcher.verify(_callback(f"{receiver.url}/alarms"))

    (line,) = [text for text in caplog.messages if text.startswith("HTTP Request: POST")]
    assert "/alarms/***?canary=***" in line


def test_a_leak_would_be_found(loopback_receiver: Any, caplog: Any) -> None:
    """The same request by the application itself is logged with all that is in it."""
    receiver = loopback_receiver(200)

    httpx.post(added(receiver.url), headers=HEADERS)

    assert found_in(caplog.text)


def test_outboxes(loopback_receiver: Any, tmp_path: Path, caplog: Any) -> None:
    """The file with its log, what is listed of it, and what a second dispatcher tells."""
    receiver, file = loopback_receiver(SCRIPT), tmp_path / "alarms.db"
    group = AlarmGroup(
        "oncall", callbacks=[_callback(receiver.url, name="a"), _callback("http://127.0.0.1:1/", name="b")]
    )

    with Dispatcher(outbox=SqliteOutbox(file), groups=[group]) as dispatcher:
        report = dispatcher.dispatch(METRIC_ALARM, group)
        written = [path.read_bytes() for path in tmp_path.iterdir()]

    listed = run("outbox", "list", "--outbox", str(file), "--json").output
    for delivery in report.deliveries:
        listed += run("outbox", "show", delivery.id, "--outbox", str(file)).output
    assert len(written) >= 2
    assert found_in(b"".join(written)) is None
    assert found_in(listed + _seen_of(report, []) + caplog.text) is None
    assert b"connection refused" in b"".join(written)


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_the_command_line(form: tuple[str, ...], loopback_receiver: Any, caplog: Any) -> None:
    """What is typed, what is told on the way, and the report."""
    receiver = loopback_receiver(SCRIPT)
    typed = ["--url", added(receiver.url), "--header", f"X-Canary: {HEADERS['X-Canary']}"]
    alarm = str(ALARMS / "tencent-metric.zh.json")

    sent = run("send", alarm, "--format", "tencent_legacy", *typed, "--delays", "0", "--attempts", "2", *form)
    verified = run("verify", "--format", "tencent", *typed, *form)
    wrong = run("send", alarm, "more", "--format", "tencent", *typed)

    assert found_in(receiver.requests[0].target)
    assert sent.exit_code == 1
    assert wrong.exit_code == 2
    assert found_in(sent.output + verified.output + wrong.output + caplog.text) is None


def test_files_of_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is loaded, and what is said of what cannot be."""
    monkeypatch.setenv("OPS_URL", added("https://h.example/a"))
    good = tmp_path / "good.toml"
    callback = f'{{url = "env:OPS_URL", format = "tencent", headers = {{X-Canary = "{MARK}"}}}}'
    good.write_text(f"[oncall]\ncallbacks = [{callback}]\n")
    errors: list[AlarmDispatchError] = []
    for line in (
        f'url = "{added("https://h/a")}"\nheaders = {{X-A = "{MARK}\\n"}}',
        f'url = "ftp://{MARK}"\nheaders = {{X-A = "{MARK} "}}\ntransport = {{proxy = "{MARK}"}}',
        f'url = "{MARK}',
    ):
        bad = tmp_path / "bad.toml"
        bad.write_text(f'name = "a"\n[[callbacks]]\nformat = "tencent"\n{line}\n')
        with pytest.raises(ConfigurationError) as caught:
            load_groups(bad)
        errors.append(caught.value)

    loaded = load_groups(good)["oncall"]

    assert found_in(loaded.callbacks[0].url)
    assert found_in(f"{loaded!r} {attrs.asdict(loaded)}") is None
    assert len(errors) == 3
    for error in errors:
        assert found_in("".join(traceback.format_exception(error)) + str(vars(error))) is None


@pytest.mark.parametrize(
    "url",
    ["https://h", "https://h/", "https://h/a", "https://h/a/", "https://h/a?b=1", "http://u:p@h:80/x#f"],
)
def test_a_canary_can_be_taken_out_again(url: str) -> None:
    """Tests that look at what was sent see what they know."""
    assert found_in(redact_url(added(url))) is None
    assert removed(added(url)) == url


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_a_canary_is_found_in_other_forms(before: str) -> None:
    """As Basic credentials hold it, wherever it begins."""
    import base64

    text = f"{before}{MARK}:more"
    assert found_in(base64.b64encode(text.encode()))
    assert found_in(text.encode("utf-16-le"))
    assert found_in(text.encode().hex())
    assert found_in("nothing") is None
