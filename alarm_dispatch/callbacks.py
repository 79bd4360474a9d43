"""Who is told of an alarm: one receiver, with what overrides its format's rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

import attrs
from attrs import field, frozen

from alarm_dispatch import formats, values
from alarm_dispatch.confirmation import Confirmation, ConfirmationLike, confirmed_by
from alarm_dispatch.egress import EgressPolicy
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.exchange import Transport
from alarm_dispatch.formats import Format, Payload
from alarm_dispatch.formats.abilities import rate_of, secrets_of
from alarm_dispatch.http_values import HeaderValue, called_url, check_headers, split_user_info
from alarm_dispatch.limits import Circuit, Rate, as_circuit, as_rate
from alarm_dispatch.quoting import MASK
from alarm_dispatch.redaction import SecretUrl, redact_headers, redact_url, secrets_in
from alarm_dispatch.request_headers import FORBIDDEN
from alarm_dispatch.schedule import RetrySchedule
from alarm_dispatch.secret import Hidden, Secret, hidden, revealed
from alarm_dispatch.service_urls import NAME as APPRISE
from alarm_dispatch.service_urls import is_service_url
from alarm_dispatch.services import check_taken
from alarm_dispatch.shown import a_kind
from alarm_dispatch.signing.base import Signer, SignerLike, as_signer, header_names

__all__ = ["DEFAULT_LIMIT", "Callback", "Overrides", "check_timeout", "check_transport"]

DEFAULT_LIMIT = 8
"""Requests in flight to one callback, unless it says otherwise."""

_USER_AGENT = f"alarm-dispatch/{version('alarm-dispatch')}"

# A format has one content type, or a few; a format that makes them up must not fill the memory.
_MAX_KEPT_TYPES = 8


def _url(value: str | Secret) -> Secret:
    called_url(revealed(value), "Callback.url")
    return hidden(value, "Callback.url")


def _headers(
    value: Mapping[str, HeaderValue] | Iterable[tuple[str, HeaderValue]],
) -> tuple[tuple[str, Secret], ...]:
    given: Any = value.items() if isinstance(value, Mapping) else value
    if not isinstance(given, str | bytes) and isinstance(given, Iterable):
        given = tuple(given)  # an iterator is read once
    check_headers(given, "Callback.headers")
    return tuple((name, hidden(text, "Callback.headers")) for name, text in given)


def _usual_format(callback: Any) -> Any:
    if is_service_url(callback._url.reveal()):
        return APPRISE
    raise InvalidFieldError("Callback.format", f"is missing; only a URL {APPRISE}:… brings one along")


def _format(value: str | Format) -> Format:
    return formats.resolve(value)


def _signer(value: SignerLike | None) -> Signer | None:
    return None if value is None else as_signer(value, "Callback.signer")


def _kind(value: object) -> str:
    # Somebody's own may show its key.
    return "None" if value is None else f"<{type(value).__name__}>"


def _confirmation(value: ConfirmationLike | None) -> Confirmation | None:
    return None if value is None else confirmed_by(value)


def _rate(value: Rate | float | str | bool | None) -> Rate | bool | None:
    return value if value is None or value is False else as_rate(value, "Callback.rate")


def _kept(rate: Rate | bool) -> Rate | None:
    return rate if isinstance(rate, Rate) else None


def _check_circuit(_instance: object, attribute: Any, value: Any) -> None:
    as_circuit(value, f"Callback.{attribute.name}")


def check_timeout(instance: object, attribute: Any, value: Any) -> None:
    """A validator: nothing for None and for seconds that are more than 0."""
    if value is None:
        return
    name = f"{type(instance).__name__}.{attribute.name}"
    if values.check_number(value, name) <= 0:
        raise InvalidFieldError(name, f"must be more than 0 seconds, not {value!r}")


def _check_transport(instance: object, attribute: Any, value: Any) -> None:
    check_transport(value, f"{type(instance).__name__}.{attribute.name}")


def check_transport(value: Any, name: str) -> None:
    """Nothing for a transport and for None, else :class:`~alarm_dispatch.errors.InvalidFieldError`."""
    if value is None:
        return
    # A class has its instances' methods too, so the protocol alone would take it.
    if isinstance(value, type):
        raise InvalidFieldError(name, f"is the class {value.__name__}; give an object of it")
    if not isinstance(value, Transport):
        raise InvalidFieldError(
            name,
            f"must have a method 'async send(request, *, deadline)'; {a_kind(type(value).__name__)} has none",
        )


@frozen(kw_only=True)
class Overrides:
    """Delivery rules that replace what is below; None keeps that.

    ``timeout`` is in seconds for a whole attempt.
    """

    timeout: float | None = field(default=None, validator=check_timeout)
    schedule: RetrySchedule | None = field(
        default=None, validator=values.instance(RetrySchedule, optional=True)
    )
    confirmation: Confirmation | None = field(default=None, converter=_confirmation)


class _WorkedOut(Overrides):
    """What is worked out of a callback once: a storm asks for it a hundred thousand times.

    No fields, so that whoever goes through those (:func:`attrs.asdict`, cattrs) sees secrets only.
    """

    __slots__ = ("_complete", "address", "headers", "lane", "pace", "url")

    url: str
    """The URL, as a plain text."""
    headers: tuple[tuple[str, str], ...]
    """The headers, their values as plain texts."""
    lane: str
    """The key of its lane and connections: the same receiver has the same, wherever it is written."""
    address: str
    """The URL that is called: without user information, which is in the headers, and with its host in the one
    spelling that it was checked in."""
    pace: Rate | None
    """The rate that is kept: its own, else that of its format."""
    _complete: dict[str, tuple[tuple[str, str], ...]]


@frozen(repr=False)
class Callback(_WorkedOut):
    """One receiver of alarms.

    ``url`` and the values of ``headers`` may be a :class:`~alarm_dispatch.secret.Secret`.  Neither is shown
    whole: of a URL the user, the password, the query values and long path tokens are masked, of a secret
    URL everything behind the host, of a URL for Apprise everything but the service.  ``attrs.asdict`` has
    them as secrets, under ``_url`` and ``_headers``.

    ``format`` is a format or the name of a registered one; a URL for Apprise (``apprise:mailto://…``) brings
    its own along, and the transport that carries it.  ``timeout`` (seconds for a whole attempt),
    ``schedule`` and ``confirmation`` replace the format's delivery rules.  ``headers`` are sent with every
    request; ``transport`` carries them instead of the dispatcher's.  ``name`` is made of the format and
    the redacted URL when none is given.

    ``limit`` is the number of requests in flight at a time.  ``rate`` spares the receiver: a
    :class:`~alarm_dispatch.limits.Rate`, its text (``"20/60"``), or requests a second; None is that of its
    format's vendor, where there is one, and False is none.  ``circuit`` pauses
    it after failures: a :class:`~alarm_dispatch.limits.Circuit`, or True for the usual figures; False is
    none where the dispatcher has one.  ``supersede`` drops a waiting notification when a newer one of the
    same alarm comes.  ``max_age`` gives a notification up that was not delivered in so many seconds.
    ``fallback`` names a group that gets the alarm when its delivery has failed for good; that takes a
    dispatcher with an outbox.  ``egress`` says which URLs and addresses may be called, instead of the
    dispatcher's :class:`~alarm_dispatch.egress.EgressPolicy`.  ``signer`` signs each attempt: a
    :class:`~alarm_dispatch.signing.Signer`, or a plain function; what cannot be signed is not sent.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError` or
    :class:`~alarm_dispatch.errors.UnknownFormatError`.
    """

    _url: Secret = field(converter=_url)
    format: Format = field(
        kw_only=True, default=attrs.Factory(_usual_format, takes_self=True), converter=_format
    )
    name: str = field(kw_only=True, default="", validator=values.text())
    _headers: tuple[tuple[str, Secret], ...] = field(kw_only=True, default=(), converter=_headers)
    transport: Transport | None = field(kw_only=True, default=None, validator=_check_transport)
    limit: int = field(
        kw_only=True, default=DEFAULT_LIMIT, validator=values.non_negative(whole=True, least=1)
    )
    rate: Rate | bool | None = field(kw_only=True, default=None, converter=_rate)
    circuit: Circuit | bool | None = field(kw_only=True, default=None, validator=_check_circuit)
    supersede: bool = field(kw_only=True, default=False, validator=values.instance(bool))
    max_age: float | None = field(kw_only=True, default=None, validator=check_timeout)
    fallback: str | None = field(kw_only=True, default=None, validator=values.text(optional=True))
    egress: EgressPolicy | None = field(
        kw_only=True, default=None, validator=values.instance(EgressPolicy, optional=True)
    )
    signer: Signer | None = field(kw_only=True, default=None, converter=_signer, repr=_kind)

    def __attrs_post_init__(self) -> None:
        # A secret stays one where its text is handed on.
        as_given = str if isinstance(self._url, Hidden) else SecretUrl
        url = as_given(self._url.reveal())
        address = called_url(url, "Callback.url")
        if is_service_url(url):
            self._check_service(url)
        if not self.name:
            told = redact_url(url)
            object.__setattr__(
                self, "name", told if told.startswith(self.format.name) else f"{self.format.name} {told}"
            )
        worked_out: dict[str, object] = {
            "url": url,
            "headers": tuple((name, value.reveal()) for name, value in self._headers),
            "lane": f"{self.name}\n{url}",
            "address": as_given(address),
            "pace": rate_of(self.format) if self.rate is None else _kept(self.rate),
            "_complete": {},
        }
        for name, value in worked_out.items():
            object.__setattr__(self, name, value)
        if self.signer is not None:
            self._check_signed(header_names(self.signer))

    def _check_service(self, url: str) -> None:
        check_taken(url, "Callback.url")
        for name, given in (("headers", self._headers), ("signer", self.signer)):
            if given and self.transport is None:
                raise InvalidFieldError(f"Callback.{name}", "cannot be sent with a message through Apprise")

    def _check_signed(self, names: Iterable[str]) -> None:
        given = {name.lower(): name for name, _ in self.headers_with("")}
        for name in names:
            if (why := FORBIDDEN.get(name.lower())) is not None:
                raise InvalidFieldError("Callback.signer", f"writes {name}, which cannot be set: {why}")
            if name.lower() in given:
                field = f"Callback.headers[{given[name.lower()]!r}]"
                told = f"cannot be set: the callback's signer ({type(self.signer).__name__}) writes it"
                raise InvalidFieldError(field, told)

    def __repr__(self) -> str:
        shown = {
            "_url": redact_url(self.url),
            "_headers": redact_headers(self._headers),
            "transport": _kind(self.transport),
            "signer": _kind(self.signer),
        }
        told = (
            f"{each.alias}={shown.get(each.name) or repr(getattr(self, each.name))}"
            for each in attrs.fields(type(self))
            if each.repr
        )
        return f"{type(self).__name__}({', '.join(told)})"

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        given = {each.alias: getattr(self, each.name) for each in attrs.fields(type(self))}
        return _made, (type(self), given)

    def __copy__(self) -> Callback:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Callback:
        return self  # what it holds is frozen, or shared like its transport

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that nothing may show of it."""
        return (*secrets_in(self.url, self.headers), *secrets_of(self.format))

    def masked(self) -> Callback:
        """The same to look at: its URL and headers masked, without what it would be sent and judged by."""
        return attrs.evolve(
            self,
            url=redact_url(self.url),
            headers=[(name, MASK) for name, _ in self.headers],
            transport=None,
            confirmation=None,
            signer=None,
        )

    def headers_with(self, content_type: str) -> tuple[tuple[str, str], ...]:
        """All headers of a request with a body of this type; the callback's own ones win."""
        found = self._complete.get(content_type)
        if found is None:
            headers = {
                "content-type": ("Content-Type", content_type),
                "user-agent": ("User-Agent", _USER_AGENT),
            }
            authorization = split_user_info(self.url)[1]
            if authorization is not None:
                headers["authorization"] = ("Authorization", authorization)
            headers.update((name.lower(), (name, value)) for name, value in self.headers)
            found = tuple(headers.values())
            if len(self._complete) < _MAX_KEPT_TYPES:
                self._complete[content_type] = found
        return found

    def headers_for(self, payload: Payload) -> tuple[tuple[str, str], ...]:
        """All headers of a request with this payload, its own ones among them."""
        headers = self.headers_with(payload.content_type)
        if not payload.headers:
            return headers
        given = {name.lower() for name, _ in headers}
        return headers + tuple(pair for pair in payload.headers if pair[0].lower() not in given)

    def __str__(self) -> str:
        """Its name, which shows no secret."""
        return self.name


def _made(kind: type[Callback], given: dict[str, Any]) -> Callback:
    return kind(**given)
