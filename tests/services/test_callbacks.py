"""Callbacks whose URL is for Apprise: what they bring along, and what they never show."""

from __future__ import annotations

import base64
import logging
import pickle
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from alarm_dispatch import AlarmGroup, Callback, Dispatcher, RetrySchedule, load_groups
from alarm_dispatch.errors import ConfigurationError, InvalidFieldError
from alarm_dispatch.formats import apprise as apprise_format
from alarm_dispatch.outbox import SqliteOutbox
from alarm_dispatch.redaction import masked, redact_url, secrets_in
from alarm_dispatch.secret import Secret
from alarm_dispatch.service_urls import is_service_url, own_url, scheme_of
from tests.dispatch.alarms import METRIC_ALARM
from tests.services import fake

_PIECES = ("c4nary-user", "c4nary-pass", "c4nary-host", "c4nary-path", "c4nary-query", "c4nary-last")
_URL = (
    "apprise:adfake://c4nary-user:c4nary-pass@c4nary-host/c4nary-path/x%2Fc4nary-last?key=c4nary-query"
    "&c4nary-query"
)


@pytest.fixture
def fake_service() -> Iterator[None]:
    """A service that tells in every way what it knows, and fails."""

    def send(service: Any, *_: Any, **__: Any) -> bool:
        told = f"{own_url(_URL)} http://c4nary-host:80/c4nary-path/x {' '.join(_PIECES)}"
        service.logger.warning("no luck with %s", told)
        service.logger.debug("Socket Exception: connection to %s", told)
        logging.getLogger("apprise").error("and %s", told)
        logging.getLogger("urllib3.connectionpool").warning("and %s", told)
        raise ValueError(told)

    with fake.known(send):
        yield


def _shows(text: str) -> list[str]:
    return [piece for piece in _PIECES if piece in text]


def test_the_url_brings_its_format_and_its_name(fake_service: None) -> None:
    """In any case of its scheme; what is given wins."""
    callback = Callback(_URL)
    other = Callback(
        _URL.replace("apprise", "Apprise"), format=apprise_format.Format(language="zh"), name="n"
    )

    assert callback.format == apprise_format.Format()
    assert str(callback) == callback.name == "apprise:adfake://***"
    assert callback.address == callback.url == _URL
    assert (other.format.language, other.name) == ("zh", "n")


def test_any_other_url_needs_a_format() -> None:
    """As ever."""
    with pytest.raises(InvalidFieldError, match=r"^Callback\.format: is missing; only a URL apprise:"):
        Callback("https://h.example/")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("apprise:", "must be apprise: and a URL of Apprise's"),
        ("apprise:mailto:a@b", "must be apprise: and a URL of Apprise's"),
        ("apprise://h.example", "must be apprise: and a URL of Apprise's"),
        ("apprise:json://a b", "has white space"),
        (f"apprise:json://{'a' * 9000}", "is longer than 8192"),
        ("apprise:adnosuch://c4nary-host", "is no URL that Apprise takes"),
    ],
)
def test_wrong_urls(url: str, problem: str) -> None:
    """Nothing of them is repeated."""
    with pytest.raises(InvalidFieldError, match=rf"^Callback\.url: {problem}") as caught:
        Callback(url, format="apprise")

    assert "c4nary" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("settings", [{"headers": {"X-Key": "a"}}, {"signer": lambda *_: {"X-S": "b"}}])
def test_what_apprise_cannot_send(settings: dict[str, Any], fake_service: None) -> None:
    """It is told when the callback is made."""
    (name,) = settings

    with pytest.raises(InvalidFieldError, match=rf"^Callback\.{name}: cannot be sent with a message through"):
        Callback(_URL, **settings)


@pytest.mark.parametrize("url", [_URL, Secret(_URL)])
def test_nothing_shows_what_is_behind_the_service(
    url: Any, fake_service: None, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Names, reprs, reports, reasons, errors, logs, outboxes."""
    caplog.set_level(logging.DEBUG)
    callback = Callback(url, schedule=RetrySchedule(attempts=2, delays=(0,)))
    group = AlarmGroup("g", callbacks=[callback])
    told: list[Any] = []
    with Dispatcher(
        outbox=SqliteOutbox(tmp_path / "a.db"), groups=[group], hooks=[told.append]
    ) as dispatcher:
        report = dispatcher.dispatch(METRIC_ALARM, group)
        written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    (delivery,) = report.deliveries

    seen = [callback, str(callback), callback.masked(), group, report, told, attrs.asdict(callback)]
    seen += [delivery.attempts[-1].reason, delivery.outcome, delivery.error, pickle.dumps(report), written]

    assert _shows(" ".join(map(repr, seen))) == []
    assert "no luck with " in caplog.text
    assert "Socket Exception" in caplog.text
    assert _shows(caplog.text) == []
    assert delivery.attempts[-1].reason.startswith("Apprise: the service raised ValueError: ")
    assert callback.masked().url == "apprise:adfake://***"
    with pytest.raises(Exception, match="1 of 1 deliveries failed") as caught:
        report.raise_for_failure()
    assert _shows("".join(traceback.format_exception(caught.value))) == []


def test_a_callback_can_be_pickled(fake_service: None) -> None:
    """As any other is, with its URL; a secret that was given as a text cannot."""
    assert pickle.loads(pickle.dumps(Callback(_URL))) == Callback(_URL)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(Callback(Secret(_URL)))


def test_without_the_extra_it_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its URL is checked at the first use."""
    monkeypatch.setitem(sys.modules, "apprise", None)

    assert Callback("apprise:adnosuch://x").name == "apprise:adnosuch://***"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (_URL, "apprise:adfake://***"),
        ("APPRISE:MailTo://u:p@h", "apprise:mailto://***"),
        ("apprise:46elks://u:p@h", "apprise:46elks://***"),
        ("apprise:nothing", "***"),
    ],
)
def test_what_is_shown_of_a_url(url: str, shown: str) -> None:
    """The service alone, in a text, too."""
    assert redact_url(url) == shown
    assert masked(f"to {_URL}, then") == "to apprise:adfake://***, then"


def test_the_secrets_of_a_url() -> None:
    """Each piece by itself, decoded as well, and all of them; user and password as HTTP sends them, too."""
    found = secrets_in(_URL)
    sent = base64.b64encode(b"c4nary-user:c4nary-pass").decode()

    assert {*_PIECES, "c4nary-user:c4nary-pass", "x/c4nary-last", _URL.partition("://")[2]} <= {*found}
    assert sent in found


def test_the_parts_of_a_url() -> None:
    """And what is none."""
    assert (is_service_url("Apprise:x"), is_service_url("https://apprise:x")) == (True, False)
    assert (scheme_of(_URL), scheme_of("apprise:x"), own_url("apprise:a://b")) == ("adfake", None, "a://b")


def test_groups_in_files(fake_service: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Openly, or by where it is kept; a format may be given."""
    monkeypatch.setenv("MAIL", _URL)
    file = tmp_path / "groups.toml"
    file.write_text(
        'name = "g"\n[[callbacks]]\nurl = "env:MAIL"\n'
        f'[[callbacks]]\nname = "b"\nurl = "{_URL}"\nformat = {{name = "apprise", language = "zh"}}\n'
    )

    first, second = load_groups(file)["g"].callbacks

    assert (first.url, first.format) == (_URL, apprise_format.Format())
    assert second.format == apprise_format.Format(language="zh")


def test_problems_in_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A format that is missing is told with all the rest."""
    monkeypatch.delenv("NOT_THERE", raising=False)
    callbacks = [{"url": "https://h.example/", "limit": 0}, {"url": "env:NOT_THERE"}, {"url": 1}]

    with pytest.raises(ConfigurationError) as caught:
        load_groups({"name": "g", "callbacks": callbacks})

    told = dict(caught.value.problems)
    for index in range(3):
        assert told[f"$.callbacks[{index}].format"] == "is missing"
    assert "$.callbacks[0].limit" in told
    assert "NOT_THERE is not set" in told["$.callbacks[1].url"]
