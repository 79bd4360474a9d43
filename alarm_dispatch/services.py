"""What Apprise is asked: whether it takes a URL, and to tell a message; nothing else imports it."""

from __future__ import annotations

import functools
import logging
from contextvars import ContextVar
from typing import Any

from attrs import field, frozen

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.quoting import MASK
from alarm_dispatch.redaction import redact_url
from alarm_dispatch.service_urls import NAME, own_url, redacted

__all__ = ["MISSING", "Heard", "Message", "Outcome", "check_taken", "tell"]

MISSING = (
    "needs the package apprise, which is not installed. "
    'Install it with: pip install "alarm-dispatch[apprise]"'
)
"""What is told where the extra is missing, behind what needs it."""


@frozen(kw_only=True)
class Message:
    """What is told: ``kind`` is Apprise's notify type, ``format`` that of the body (text or markdown)."""

    title: str = field(repr=False)
    body: str = field(repr=False)
    kind: str
    format: str


@frozen
class Heard:
    """A line that Apprise or a service of it logged meanwhile; it may hold secrets."""

    level: int
    text: str = field(repr=False)


@frozen(kw_only=True)
class Outcome:
    """What came of a message.

    ``told`` is Apprise's own word, None when it was not asked, since ``problem`` forbade it.  ``error`` is
    what a service or Apprise raised.
    """

    told: bool | None = None
    problem: str = ""
    heard: tuple[Heard, ...] = ()
    error: BaseException | None = None


def check_taken(url: str, field_name: str) -> None:
    """Nothing where Apprise takes the URL, is not installed, or the URL is masked and so for the eye only.

    Else :class:`~alarm_dispatch.errors.InvalidFieldError`, which does not repeat the URL.
    """
    if url == redacted(url, MASK):
        return
    try:
        library = _library()
    except ImportError:
        return
    if not _takes(library, url):
        raise InvalidFieldError(field_name, _not_taken(url))


def _not_taken(url: str) -> str:
    told = "Apprise does not know the service, or misses what the service needs, or cannot use it here"
    return f"is no URL that Apprise takes ({redact_url(url)}): {told}"


def _takes(library: Any, url: str) -> bool:
    try:
        return _known(library, url)
    except _NotTakenError:
        return False


class _NotTakenError(Exception):
    """Apprise does not take a URL."""


# Callbacks are made over and over of the same URL.  A no is not remembered: a plugin may yet be registered.
@functools.lru_cache(maxsize=256)
def _known(library: Any, url: str) -> bool:
    with _Listening(silent=True):
        if _service(library, url, _asset(library)) is None:
            raise _NotTakenError
    return True


def tell(url: str, message: Message, seconds: float) -> Outcome:
    """Have Apprise tell the message, which blocks; it does not raise.

    ``seconds`` bounds each single wait of a service for a socket, where the service knows such a bound.
    """
    try:
        library = _library()
    except ImportError as error:
        return Outcome(problem=f"apprise: {MISSING}" if error.name == NAME else f"apprise: {error}")
    with _Listening() as heard:
        try:
            return _told(library, url, message, seconds, heard)
        except BaseException as error:  # noqa: BLE001 - a service may raise anything, SystemExit too
            return Outcome(told=False, heard=tuple(heard.lines), error=error)


def _told(library: Any, url: str, message: Message, seconds: float, heard: _Listening) -> Outcome:
    asset = _asset(library)
    service = _service(library, url, asset)
    if service is None:
        return Outcome(problem=_not_taken(url))
    for name in ("socket_connect_timeout", "socket_read_timeout"):
        setattr(service, name, min(getattr(service, name, seconds), seconds))
    _overhear(service, heard)
    told = library.Apprise(service, asset=asset).notify(
        title=message.title, body=message.body, notify_type=message.kind, body_format=message.format
    )
    return Outcome(told=bool(told), heard=tuple(heard.lines), error=heard.error)


def _library() -> Any:
    # An extra, and half a second to import.
    import apprise  # noqa: PLC0415

    return apprise


def _asset(library: Any) -> Any:
    # On the thread of the caller's, and not on threads that nobody counts.
    asset = library.AppriseAsset(async_mode=False)
    # As with every other transport; older releases follow them whatever they are told.
    asset.http_redirects = False
    return asset


def _service(library: Any, url: str, asset: Any) -> Any:
    try:
        return library.Apprise.instantiate(own_url(url), asset=asset)
    except Exception:  # noqa: BLE001 - what a service raises over its URL tells the URL
        return None


def _overhear(service: Any, heard: _Listening) -> None:
    """Let the service's own lines and what it raises be heard, whatever the application's log is set to.

    Apprise loses why a connection failed: the cause is logged for debugging only.
    """
    service.logger = _Ear(heard, service.logger)
    notify = service.notify

    def listened_to(*arguments: Any, **options: Any) -> Any:
        try:
            return notify(*arguments, **options)
        except BaseException as error:
            heard.error = error
            raise

    service.notify = listened_to


# The call of the present context: several go on at a time, each in a thread and with a context of its own.
_listening: ContextVar[_Listening | None] = ContextVar("alarm_dispatch_apprise", default=None)


class _Listening:
    """A block in which what Apprise logs is kept, up to so many lines; ``silent`` keeps it from the log.

    Outside of a request nothing masks what is logged.
    """

    _MOST = 200

    def __init__(self, *, silent: bool = False) -> None:
        self.silent = silent
        self.lines: list[Heard] = []
        self.error: BaseException | None = None

    def __enter__(self) -> _Listening:
        logger = logging.getLogger(NAME)
        if _FILTER not in logger.filters:
            logger.addFilter(_FILTER)
        self._token = _listening.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _listening.reset(self._token)

    def keep(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        record.__dict__[_KEPT] = True
        if len(self.lines) >= self._MOST:
            return
        try:
            self.lines.append(Heard(record.levelno, record.getMessage()))
        except Exception:  # noqa: BLE001 - arguments that do not fit are the service's fault
            self.lines.append(Heard(record.levelno, "a line that cannot be formatted"))


_KEPT = "alarm_dispatch_kept"


class _Hearing(logging.Filter):
    """Hears what Apprise's logger tells."""

    def filter(self, record: logging.LogRecord) -> bool:
        listening = _listening.get()
        if listening is None:
            return True
        if _KEPT not in record.__dict__:
            listening.keep(record)
        return not listening.silent


_FILTER = _Hearing(NAME)


class _Ear(logging.Logger):
    """A logger of one service's: it hears all, and hands on what the real one is set to tell."""

    def __init__(self, heard: _Listening, real: logging.Logger) -> None:
        super().__init__(NAME, logging.DEBUG)
        self._heard = heard
        self._real = real

    def handle(self, record: logging.LogRecord) -> None:
        """Take a record."""
        self._heard.keep(record)
        if self._real.isEnabledFor(record.levelno):
            self._real.handle(record)
