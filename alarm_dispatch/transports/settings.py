"""The settings that all HTTP transports have: checked when they are written down, and applied alike."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Iterable, Mapping

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.http_values import HeaderValue, check_headers, check_url, split_user_info
from alarm_dispatch.redaction import secrets_in
from alarm_dispatch.secret import Secret, revealed
from alarm_dispatch.transports.auth import Auth, BasicAuth, BearerAuth
from alarm_dispatch.transports.tls import ClientCert, check_own_context, make_tls, verifies

__all__ = [
    "DEFAULT_MAX_REPLY_BYTES",
    "Headers",
    "check_foreign_tls",
    "checked_cap",
    "checked_proxy",
    "checked_tls",
    "complete",
    "complete_for_client",
    "general_headers",
    "secret_texts",
]

_log = logging.getLogger("alarm_dispatch")

DEFAULT_MAX_REPLY_BYTES = 64 * 1024
"""How much of a reply's body is read; no vendor's reply is near it."""

Headers = tuple[tuple[str, str], ...]


def checked_tls(
    transport: str,
    tls: ssl.SSLContext | None,
    ca_file: str | os.PathLike[str] | None,
    client_cert: ClientCert | None,
    *,
    insecure: bool = False,
) -> ssl.SSLContext | None:
    """The context that is given or asked for; None when the default one will do, which takes time to make.

    ``insecure`` allows what does not verify, and has it told in the log.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError` when both are, a file cannot be loaded, or a
    context of the user's own verifies less than ours without ``insecure``.
    """
    given: object = insecure
    if not isinstance(given, bool):
        raise InvalidFieldError(
            f"{transport}.insecure_tls", f"must be True or False, not {type(given).__name__}"
        )
    if insecure and (ca_file is not None or (isinstance(tls, ssl.SSLContext) and verifies(tls))):
        told = "is True, and what it is given with verifies certificates; leave one of them out"
        raise InvalidFieldError(f"{transport}.insecure_tls", told)
    if tls is not None and not isinstance(tls, ssl.SSLContext):
        raise InvalidFieldError(f"{transport}.tls", f"must be an ssl.SSLContext, not {type(tls).__name__}")
    if tls is not None:
        check_own_context(tls, f"{transport}.tls", insecure=insecure)
    if insecure:
        _log.warning(
            "%s takes any certificate (insecure_tls): whoever is on the way can read and answer", transport
        )
    if ca_file is None and client_cert is None and (tls is not None or not insecure):
        return tls
    if tls is not None:
        raise InvalidFieldError(
            f"{transport}.tls", "is given beside ca_file or client_cert; load them into it"
        )
    # A wrong path is told where it was written, not at the first alarm.
    return make_tls(ca_file, client_cert, insecure=insecure, transport=transport)


def check_foreign_tls(field: str, contexts: Iterable[object], *, insecure: bool) -> None:
    """The same for a client of the user's own: no context (False) or one that does not verify is refused.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """
    for context in contexts:
        if not insecure and (
            context is False or (isinstance(context, ssl.SSLContext) and not verifies(context))
        ):
            told = "does not verify certificates; let it, or say insecure_tls=True beside it"
            raise InvalidFieldError(field, told)


def checked_cap(transport: str, max_reply_bytes: int) -> int:
    """The cap, when a body can be within it; raises InvalidFieldError otherwise."""
    given: object = max_reply_bytes
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise InvalidFieldError(f"{transport}.max_reply_bytes", f"must be at least 1, not {given!r}")
    return max_reply_bytes


def checked_proxy(transport: str, proxy: str | Secret) -> tuple[str, Headers]:
    """An HTTP proxy's URL without its user information, and the headers that stand for that."""
    url, authorization = split_user_info(check_url(revealed(proxy), f"{transport}.proxy"))
    return url, () if authorization is None else (("Proxy-Authorization", authorization),)


def general_headers(
    transport: str,
    headers: Mapping[str, HeaderValue] | Iterable[tuple[str, HeaderValue]],
    auth: Auth | None,
) -> Headers:
    """What goes with every request of a transport; raises InvalidFieldError for what is no header."""
    if auth is not None and not isinstance(auth, BasicAuth | BearerAuth):
        told = f"must be a BasicAuth or a BearerAuth, not {type(auth).__name__}"
        raise InvalidFieldError(f"{transport}.auth", told)
    own = check_headers(headers, f"{transport}.headers")
    if auth is None:
        return own
    given = next((name for name, _ in own if name.lower() == "authorization"), None)
    if given is not None:
        raise InvalidFieldError(f"{transport}.headers[{given!r}]", "is given beside auth, which writes it")
    return *own, ("Authorization", auth.header())


def secret_texts(headers: Headers, proxy: str | Secret | None) -> tuple[str, ...]:
    """What nothing may show of the headers for every request, and of the proxy's URL."""
    return (*secrets_in("", headers), *(() if proxy is None else secrets_in(revealed(proxy))))


def complete(own: Headers, general: Headers) -> Headers:
    """A request's headers and the transport's general ones; the request's own win."""
    if not general:
        return own
    given = {name.lower() for name, _ in own}
    return (*own, *((name, value) for name, value in general if name.lower() not in given))


def complete_for_client(own: Headers, general: Headers) -> Headers:
    """The same for a client of the user's own, whose wish for compressed replies must not go out.

    They are read raw, so nobody would understand them.
    """
    return complete(complete(own, general), (("Accept-Encoding", "identity"),))
