"""What of a URL, a header, a text or an error may be shown: everything but what could be a secret."""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from urllib.parse import unquote, unquote_plus, urlsplit

from alarm_dispatch.errors import ForeignError
from alarm_dispatch.quoting import CUT, LEAST_SECRET, MASK, forms, without_beginnings
from alarm_dispatch.service_urls import redacted
from alarm_dispatch.shown import shown

__all__ = [
    "SecretUrl",
    "described",
    "masked",
    "portable_error",
    "presentable",
    "redact_headers",
    "redact_url",
    "secrets_in",
    "shown_error",
]

# A part this long with both letters and digits is a token more often than a word, and so is one of letters
# or digits alone without any break, or of hexadecimal digits.  Any character may be in the first kind: a
# Telegram bot's has a colon.
_TOKEN = re.compile(
    r"(?=.*[0-9])(?=.*[A-Za-z]).{20,}|[A-Za-z0-9]{24,}|(?=.*[0-9])[0-9a-fA-F]{16,}", re.DOTALL
)
# Of any scheme, as a proxy's or a database's has a password, too; one without a host is a file's.  One for
# Apprise from its beginning, as nothing of it is shown.
_URL_IN_TEXT = re.compile(
    r"(?:https?://|apprise:[a-z0-9][a-z0-9+._-]*://|[a-z][a-z0-9+.\-]{0,20}://(?!/))[^\s'\"<>\\]+",
    re.IGNORECASE,
)
_AFTER_URL = ".,;:!?)]}"
# Basic's are base64, so that "Basic constraints" of a certificate are none.
_CREDENTIALS = re.compile(
    r"\b(Bearer\s+)[\w.~+/\-]{5,}=*|\b(Basic\s+)(?=[A-Za-z0-9+/]*[A-Z0-9=])[A-Za-z0-9+/]{4,}=*"
)
_AROUND_PIECES = re.compile(r"[/:@,;#?&=]+")
_MOST_SHOWN = 200
_MOST_DESCRIBED = 2_000
# Headers that say what a request is and which one; we write them, and reports tell the same.
_OPEN_HEADERS = frozenset(
    {"content-type", "user-agent"} | {f"alarm-dispatch-{name}" for name in ("id", "attempt", "timestamp")}
)


class SecretUrl(str):
    """A URL that was given as a secret: nothing of it is shown but scheme, host and port."""

    __slots__ = ()


def redact_url(url: str) -> str:
    """The URL without user, password, query values and fragment, with long path tokens masked.

    Of a :class:`SecretUrl` the whole path is masked, of a URL for Apprise all but the service.
    """
    if (service := redacted(url, MASK)) is not None:
        return service
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        # What is no port may be a password with a bare / or ? in it.
        _ = parts.port
    except ValueError:
        return MASK
    if not host:
        # Not a URL, so there is no telling where in it a secret would stand.
        return MASK
    if isinstance(url, SecretUrl):
        return f"{parts.scheme}://{host}/{MASK}"
    path = "/".join(map(_masked_part, parts.path.split("/")))
    query = ""
    if parts.query:
        names = (pair.partition("=") for pair in parts.query.split("&"))
        shown = (f"{_masked_part(name)}={MASK}" if equals else MASK for name, equals, _ in names)
        query = f"?{'&'.join(shown)}"
    return f"{parts.scheme}://{host}{path}{query}"


def _masked_part(part: str) -> str:
    return MASK if _TOKEN.fullmatch(part) else part


def redact_headers(headers: Iterable[tuple[str, object]]) -> str:
    """The headers' names only: which of the values are secret cannot be told from outside."""
    return "(" + ", ".join(f"{name}: {MASK}" for name, _ in headers) + ")"


def secrets_in(url: str, headers: tuple[tuple[str, str], ...] = ()) -> tuple[str, ...]:
    """The texts that a request with this URL and these headers must not be told by, the longest first.

    Each is there in the forms in which libraries and receivers quote it.
    """
    # Without those that differ from attempt to attempt, so that the same question is asked again.
    return _secrets_in(url, tuple(one for one in headers if one[0].lower() not in _OPEN_HEADERS))


@functools.lru_cache(maxsize=256, typed=True)  # a receiver that fails is asked about again and again
def _secrets_in(url: str, headers: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    found = {form for secret in (*_of_url(url), *_of_headers(headers)) for form in forms(secret)}
    return tuple(sorted((form for form in found if len(form) >= LEAST_SECRET), key=len, reverse=True))


def _of_url(url: str) -> Iterator[str]:
    if redacted(url, MASK) is not None:
        yield from _of_service(url.partition("://")[2])
        return
    try:
        parts = urlsplit(url)
    except ValueError:  # a request that somebody made by hand
        yield url
        return
    user_info = parts.netloc.rpartition("@")[0]
    yield from (*_of_user(user_info), parts.query, parts.fragment)
    for pair in parts.query.split("&"):
        name, equals, value = pair.partition("=")
        yield value if equals else name
    hidden = isinstance(url, SecretUrl)
    if hidden:
        yield parts.path
    for part in (*parts.path.split("/"), *(pair.partition("=")[0] for pair in parts.query.split("&"))):
        if hidden or _masked_part(part) == MASK:
            yield part


def _of_user(user_info: str) -> Iterator[str]:
    user, _, password = user_info.partition(":")
    yield from (user_info, user, password)
    if user_info:  # as it is sent
        sent = f"{unquote(user)}:{unquote(password)}"
        yield base64.b64encode(sent.encode(errors="replace")).decode()


def _of_service(rest: str) -> Iterator[str]:
    """All that stands in a URL for Apprise, whole and in the pieces that services make of it."""
    place, _, query = rest.partition("?")
    user_info, _, where = place.rpartition("@")
    _, _, path = where.partition("/")
    yield from (rest, place, *_of_user(user_info), where, path, query)
    pairs = (pair.partition("=") for pair in query.split("&"))
    values = [value if equals else name for name, equals, value in pairs]
    yield from values
    for text in (place, *values):
        # Decoded as well, as some take it apart after that.
        for plain in (text, unquote(text), unquote_plus(text)):
            yield from _AROUND_PIECES.split(plain)


def _of_headers(headers: Iterable[tuple[str, str]]) -> Iterator[str]:
    for _, value in headers:
        scheme, _, credentials = value.rpartition(" ")
        yield value
        yield credentials
        if scheme.lower() == "basic":
            try:
                user_info = base64.b64decode(credentials, validate=True).decode()
            except ValueError:
                continue  # whoever wrote it has a meaning of their own
            yield from (user_info, *user_info.partition(":")[::2])


def masked(text: str, secrets: Collection[str] = ()) -> str:
    """The text without these secrets, without credentials, and with each URL in it redacted."""
    # The URLs first, while they are whole: so the names in their queries stay.
    text = _URL_IN_TEXT.sub(_redacted_match, text)
    for secret in secrets:
        text = text.replace(secret, MASK)
    text = without_beginnings(text, secrets)
    return _CREDENTIALS.sub(lambda found: f"{found[1] or found[2]}{MASK}", text)


def _redacted_match(found: re.Match[str]) -> str:
    url = found[0].rstrip(_AFTER_URL)
    return redact_url(url) + found[0][len(url) :]


def presentable(text: str, url: str, headers: tuple[tuple[str, str], ...], also: Collection[str] = ()) -> str:
    """Foreign text about a request, without what the request's URL and headers hold, and not too long.

    Libraries and receivers quote what they were given: a URL with its key, an Authorization header.
    ``also`` are further secrets, such as those of the transport.
    """
    text = masked(text.replace(url, redact_url(url)), (*secrets_in(url, headers), *also))
    text = "".join(character if character.isprintable() else "�" for character in text[: _MOST_SHOWN + 1])
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + CUT


def described(error: BaseException) -> str:
    """The error's kind and text, and its kind alone where it has no text to tell.

    It may quote what a receiver sent, so it is escaped and cut.
    """
    return shown(_said(error), _MOST_DESCRIBED)


def _said(error: BaseException) -> str:
    kind, text = type(error).__name__, _written(str, error)
    return kind if text is None else f"{kind}: {text}"


def _written(how: Callable[[object], str], what: object) -> str | None:
    try:
        return how(what)
    except Exception:  # noqa: BLE001 - it is somebody else's, and broken
        return None


def shown_error(error: BaseException, secrets: Collection[str] = ()) -> BaseException:
    """The error itself when nothing that it or a traceback shows is a secret, else what may be told of it.

    That is a :class:`~alarm_dispatch.errors.ForeignError` with the masked text and the traceback, without
    the causes.
    """
    if all(masked(text, secrets) == text for text in _texts(error, set())):
        return error
    return _told_of(error, secrets).with_traceback(error.__traceback__)


def _told_of(error: BaseException, secrets: Collection[str]) -> ForeignError:
    kind = type(error).__name__
    # Masked before it is escaped and cut, as neither may hide a secret.
    text = masked(_written(str, error) or "", secrets)
    return ForeignError(kind, shown(text, _MOST_DESCRIBED))


def portable_error(error: BaseException) -> BaseException:
    """What of an error that may be shown goes into a pickle: its kind and text, not what it holds besides.

    That may be a whole request.  One of ours stays of its class, for any other a
    :class:`~alarm_dispatch.errors.ForeignError` stands.
    """
    kind = type(error)
    if kind.__module__ != ForeignError.__module__:
        return _told_of(error, ())
    if "__reduce__" in vars(kind):  # its fields are all that it has
        return error
    return kind(*map(str, error.args))


def _texts(error: BaseException | None, seen: set[int]) -> Iterator[str]:
    """What a traceback, a log or a debugger tells of an error, and of those it came from."""
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    notes = getattr(error, "__notes__", ())
    notes = notes if isinstance(notes, list | tuple) else (notes,)
    # A text of its own may leave out what it was made of, and a note its line breaks.
    told = [_written(str, one) for one in (error, *notes)]
    told += [_written(repr, one) for one in (error, error.args, vars(error))]
    yield from filter(None, told)
    yield from _texts(error.__cause__, seen)
    if not error.__suppress_context__:
        yield from _texts(error.__context__, seen)
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _texts(inner, seen)
