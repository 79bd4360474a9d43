"""What of a URL, a header, a text or an error may be shown: everything but what could be a secret."""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Collection, Iterable, Iterator
from urllib.parse import quote, unquote, unquote_plus, urlsplit

from alarm_dispatch.errors import ForeignError
from alarm_dispatch.service_urls import redacted
from alarm_dispatch.shown import shown

__all__ = [
    "MASK",
    "SecretUrl",
    "described",
    "masked",
    "presentable",
    "redact_headers",
    "redact_url",
    "secrets_in",
    "shown_error",
]

MASK = "***"

# A part this long with both letters and digits is a token more often than a word, and so is one of letters
# or digits alone without any break, or of hexadecimal digits.  Any character may be in the first kind: a
# Telegram bot's has a colon.
_TOKEN = re.compile(
    r"(?=.*[0-9])(?=.*[A-Za-z]).{20,}|[A-Za-z0-9]{24,}|(?=.*[0-9])[0-9a-fA-F]{16,}", re.DOTALL
)
_URL_IN_TEXT = re.compile(r"(?:https?|apprise:[a-z0-9][a-z0-9+._-]*)://[^\s'\"<>\\]+", re.IGNORECASE)
_AFTER_URL = ".,;:!?)]}"
# Basic's are base64, so that "Basic constraints" of a certificate are none.
_CREDENTIALS = re.compile(
    r"\b(Bearer\s+)[\w.~+/\-]{5,}=*|\b(Basic\s+)(?=[A-Za-z0-9+/]*[A-Z0-9=])[A-Za-z0-9+/]{4,}=*"
)
_AROUND_PIECES = re.compile(r"[/:@,;#?&=]+")
# Shorter values ("1", "json") are no secrets, and masking them would garble every text.
_LEAST_SECRET = 5
_MOST_SHOWN = 200
_MOST_DESCRIBED = 2_000
_CUT = "…"
# Also as it looks when it was escaped with the rest.
_CUT_IN_TEXT = re.compile(r"(…|\\u2026)")
# Headers that say what a request is; we write them, and everybody's are alike.
_OPEN_HEADERS = frozenset({"content-type", "user-agent"})


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


@functools.lru_cache(maxsize=256, typed=True)  # a receiver that fails is asked about again and again
def secrets_in(url: str, headers: tuple[tuple[str, str], ...] = ()) -> tuple[str, ...]:
    """The texts that a request with this URL and these headers must not be told by, the longest first.

    Each is there in the forms in which libraries and receivers quote it: decoded, percent-encoded, as in
    JSON.
    """
    forms = {form for secret in (*_of_url(url), *_of_headers(headers)) for form in _forms(secret)}
    return tuple(sorted((form for form in forms if len(form) >= _LEAST_SECRET), key=len, reverse=True))


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
    yield from (user_info, *user_info.partition(":")[::2], parts.query, parts.fragment)
    for pair in parts.query.split("&"):
        name, equals, value = pair.partition("=")
        yield value if equals else name
    hidden = isinstance(url, SecretUrl)
    if hidden:
        yield parts.path
    for part in (*parts.path.split("/"), *(pair.partition("=")[0] for pair in parts.query.split("&"))):
        if hidden or _masked_part(part) == MASK:
            yield part


def _of_service(rest: str) -> Iterator[str]:
    """All that stands in a URL for Apprise, whole and in the pieces that services make of it."""
    place, _, query = rest.partition("?")
    user_info, _, where = place.rpartition("@")
    _, _, path = where.partition("/")
    yield from (rest, place, user_info, where, path, query)
    values = [value if equals else name for name, equals, value in _pairs(query)]
    yield from values
    for text in (place, *values):
        # Decoded as well, as some take it apart after that.
        for plain in (text, unquote(text), unquote_plus(text)):
            yield from _AROUND_PIECES.split(plain)


def _pairs(query: str) -> Iterator[tuple[str, str, str]]:
    return (pair.partition("=") for pair in query.split("&"))


def _of_headers(headers: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, value in headers:
        if name.lower() in _OPEN_HEADERS:
            continue
        scheme, _, credentials = value.rpartition(" ")
        yield value
        yield credentials
        if scheme.lower() == "basic":
            try:
                user_info = base64.b64decode(credentials, validate=True).decode()
            except ValueError:
                continue  # whoever wrote it has a meaning of their own
            yield from (user_info, *user_info.partition(":")[::2])


def _forms(secret: str) -> Iterator[str]:
    for plain in (secret, unquote(secret), unquote_plus(secret)):
        yield from (plain, quote(plain, safe="", errors="replace"), json.dumps(plain)[1:-1])


def masked(text: str, secrets: Collection[str] = ()) -> str:
    """The text without these secrets, without credentials, and with each URL in it redacted."""
    # The URLs first, while they are whole: so the names in their queries stay.
    text = _URL_IN_TEXT.sub(_redacted_match, text)
    for secret in secrets:
        text = text.replace(secret, MASK)
    if _CUT_IN_TEXT.search(text):
        text = _without_beginnings(text, secrets)
    return _CREDENTIALS.sub(lambda found: f"{found[1] or found[2]}{MASK}", text)


def _redacted_match(found: re.Match[str]) -> str:
    url = found[0].rstrip(_AFTER_URL)
    return redact_url(url) + found[0][len(url) :]


def _without_beginnings(text: str, secrets: Collection[str]) -> str:
    """The same without what of a secret stands before a place where the text was cut off."""
    parts = _CUT_IN_TEXT.split(text)
    # Whoever wrote the text may have put thousands of marks into it.
    for index in range(0, len(parts) - 1, 2):  # between them are the marks
        if len(parts[index]) >= _LEAST_SECRET:
            for secret in secrets:
                parts[index] = _without_beginning(parts[index], secret)
    return "".join(parts)


def _without_beginning(part: str, secret: str) -> str:
    beginning = secret[:_LEAST_SECRET]
    at = part.find(beginning, max(0, len(part) - len(secret))) if len(beginning) == _LEAST_SECRET else -1
    while at >= 0 and not secret.startswith(part[at:]):
        at = part.find(beginning, at + 1)
    return part if at < 0 else part[:at] + MASK


def presentable(text: str, url: str, headers: tuple[tuple[str, str], ...], also: Collection[str] = ()) -> str:
    """Foreign text about a request, without what the request's URL and headers hold, and not too long.

    Libraries and receivers quote what they were given: a URL with its key, an Authorization header.
    ``also`` are further secrets, such as those of the transport.
    """
    text = masked(text.replace(url, redact_url(url)), (*secrets_in(url, headers), *also))
    text = "".join(character if character.isprintable() else "�" for character in text[: _MOST_SHOWN + 1])
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + _CUT


def described(error: BaseException) -> str:
    """The error's kind and text, and its kind alone where it has no text to tell.

    It may quote what a receiver sent, so it is escaped and cut.
    """
    return shown(_said(error), _MOST_DESCRIBED)


def _said(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - it is somebody else's, and broken
        return type(error).__name__


def shown_error(error: BaseException, secrets: Collection[str] = ()) -> BaseException:
    """The error itself when nothing that a traceback shows of it is a secret, else what may be told of it.

    That is a :class:`~alarm_dispatch.errors.ForeignError` with the masked text and the traceback, without
    the causes.
    """
    if all(masked(text, secrets) == text for text in _texts(error, set())):
        return error
    kind = type(error).__name__
    # Masked before it is escaped and cut, as neither may hide a secret.
    text = masked(_said(error).removeprefix(f"{kind}: "), secrets)
    return ForeignError(kind, shown(text, _MOST_DESCRIBED)).with_traceback(error.__traceback__)


def _texts(error: BaseException | None, seen: set[int]) -> Iterator[str]:
    """What a traceback, a log or a debugger tells of an error, and of those it came from."""
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield _said(error)
    try:
        yield repr(error)
    except Exception:  # noqa: BLE001 - as above
        return
    yield from map(str, getattr(error, "__notes__", ()))
    yield from _texts(error.__cause__, seen)
    if not error.__suppress_context__:
        yield from _texts(error.__context__, seen)
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _texts(inner, seen)
