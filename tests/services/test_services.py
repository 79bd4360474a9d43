"""What Apprise is asked, and what it tells."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

import pytest

from alarm_dispatch import services
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.services import MISSING, Message, check_taken, tell
from tests.services import fake

MESSAGE = Message(title="Title", body="a <b> & c", kind="failure", format="text")


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Any:
    services._known.cache_clear()
    yield
    services._known.cache_clear()


def _yes(*_: Any, **__: Any) -> bool:
    return True


def test_the_message_reaches_the_service() -> None:
    """Title, body and type."""
    seen: list[Any] = []

    def send(_service: Any, body: str, title: str, notify_type: Any, **_: Any) -> bool:
        seen.append((title, body, getattr(notify_type, "value", notify_type)))
        return True

    with fake.known(send):
        outcome = tell(fake.URL, MESSAGE, 5.0)

    assert outcome.told is True
    assert outcome.problem == ""
    assert seen == [("Title", "a <b> & c", "failure")]


@pytest.mark.parametrize(("seconds", "expected"), [(1.5, (1.5, 1.5)), (60.0, (4.0, 4.0))])
def test_a_service_waits_no_longer_than_there_is_time(seconds: float, expected: tuple[float, float]) -> None:
    """For a connection and for an answer; its own shorter bound stays."""
    seen: list[Any] = []

    def send(service: Any, *_: Any, **__: Any) -> bool:
        seen.append((service.socket_connect_timeout, service.socket_read_timeout))
        return True

    with fake.known(send):
        tell(fake.URL, MESSAGE, seconds)

    assert seen == [expected]


def test_redirects_are_not_followed() -> None:
    """As with every other transport; Apprise is told so."""
    seen: list[bool] = []

    def send(service: Any, *_: Any, **__: Any) -> bool:
        seen.append(service.asset.http_redirects)
        return True

    with fake.known(send):
        tell(fake.URL, MESSAGE, 5.0)

    assert seen == [False]


@pytest.mark.parametrize("level", [logging.DEBUG, logging.CRITICAL])
def test_what_a_service_logs_is_heard_whatever_the_log_is_set_to(
    level: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The application's log gets what it is set to get, once."""
    caplog.set_level(level, logger="apprise")

    def send(service: Any, *_: Any, **__: Any) -> bool:
        service.logger.warning("no luck with %s", "it")
        service.logger.debug("because")
        service.logger.warning("%d", "no number")
        return False

    with fake.known(send):
        outcome = tell(fake.URL, MESSAGE, 5.0)

    texts = [one.text for one in outcome.heard if one.text in {"no luck with it", "because"}]
    assert outcome.told is False
    assert texts == ["no luck with it", "because"]
    assert "a line that cannot be formatted" in [one.text for one in outcome.heard]
    logged = [record.msg for record in caplog.records if record.msg in {"no luck with %s", "because"}]
    assert logged == (["no luck with %s", "because"] if level == logging.DEBUG else [])


def test_what_apprise_itself_logs_is_heard() -> None:
    """By its own logger, which services use as well."""

    def send(*_: Any, **__: Any) -> bool:
        logging.getLogger("apprise").error("by the logger of all")
        return False

    with fake.known(send):
        outcome = tell(fake.URL, MESSAGE, 5.0)

    assert [one.text for one in outcome.heard].count("by the logger of all") == 1


def test_what_the_application_itself_has_apprise_log_stays(caplog: pytest.LogCaptureFixture) -> None:
    """Before and after a call of ours."""
    with fake.known(_yes):
        tell(fake.URL, MESSAGE, 5.0)
    logging.getLogger("apprise").warning("the application's own")

    assert caplog.messages == ["the application's own"]


def test_only_so_many_lines_are_kept() -> None:
    """A service that logs without end takes no memory without end."""

    def send(service: Any, *_: Any, **__: Any) -> bool:
        for number in range(1_000):
            service.logger.warning("line %d", number)
        return False

    with fake.known(send):
        outcome = tell(fake.URL, MESSAGE, 5.0)

    assert len(outcome.heard) == 200


def test_each_call_hears_its_own_lines() -> None:
    """Several go on at a time, in threads."""
    meeting = threading.Barrier(2, timeout=30)
    found: dict[str, list[str]] = {}

    def send(service: Any, body: str, *_: Any, **__: Any) -> bool:
        meeting.wait()
        logging.getLogger("apprise").warning("about %s", body)
        service.logger.warning("about %s", body)
        meeting.wait()
        return False

    def call(body: str) -> None:
        outcome = tell(fake.URL, Message(title="", body=body, kind="info", format="text"), 5.0)
        found[body] = [one.text for one in outcome.heard if one.text.startswith("about ")]

    with fake.known(send):
        threads = [threading.Thread(target=call, args=(body,)) for body in ("a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

    assert found == {"a": ["about a"] * 2, "b": ["about b"] * 2}


@pytest.mark.parametrize("error", [ValueError("a defect"), SystemExit(3)])
def test_what_a_service_raises_is_an_outcome(error: BaseException) -> None:
    """Apprise keeps it to itself, or not even that."""

    def send(*_: Any, **__: Any) -> bool:
        raise error

    with fake.known(send):
        outcome = tell(fake.URL, MESSAGE, 5.0)

    assert outcome.told is False
    assert outcome.error is error


@pytest.mark.parametrize("url", ["apprise:adnosuch://x", "apprise:json://", "apprise:slack://a/b"])
def test_a_url_that_apprise_does_not_take(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is an error where it is checked, and told where it was not."""
    with pytest.raises(InvalidFieldError, match=r"^Callback.url: is no URL that Apprise takes") as caught:
        check_taken(url, "Callback.url")
    logged = caplog.messages
    outcome = tell(url, MESSAGE, 5.0)

    assert logged == []
    assert outcome.told is None
    assert outcome.problem == caught.value.problem
    assert url not in str(caught.value).replace("://***", "")


def test_a_service_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is raised over a URL is not told, since it may show the URL."""

    def raise_it(*_: Any, **__: Any) -> Any:
        raise RuntimeError("p4th-token")

    with fake.known(_yes) as kind:
        monkeypatch.setattr(kind, "parse_url", staticmethod(raise_it))
        with pytest.raises(InvalidFieldError) as caught:
            check_taken(fake.URL, "Callback.url")

    assert "p4th-token" not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_url_that_apprise_takes_is_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A no is not remembered: the service may yet be registered."""
    with pytest.raises(InvalidFieldError):
        check_taken(fake.URL, "url")

    with fake.known(_yes):
        check_taken(fake.URL, "url")

    check_taken(fake.URL, "url")


def test_a_masked_url_is_not_checked() -> None:
    """It is for the eye."""
    check_taken("apprise:adnosuch://***", "url")


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is checked when a callback is made; at the first use it is told which extra is missing."""
    monkeypatch.setitem(sys.modules, "apprise", None)

    check_taken("apprise:adnosuch://x", "url")
    outcome = tell("apprise:json://localhost", MESSAGE, 5.0)

    assert outcome.told is None
    assert outcome.problem == f"apprise: {MISSING}"
    assert 'pip install "alarm-dispatch[apprise]"' in outcome.problem


def test_an_extra_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it misses in turn is told."""

    def fail() -> Any:
        raise ImportError("No module named 'markdown'", name="markdown")

    monkeypatch.setattr(services, "_library", fail)

    outcome = tell("apprise:json://localhost", MESSAGE, 5.0)

    assert outcome.problem == "apprise: No module named 'markdown'"
