"""The settings that all HTTP transports have: checked when they are written down, and applied alike."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable, Mapping

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.http_values import check_headers, check_url, split_user_info
from alarm_dispatch.transports.auth import Auth, BasicAuth, BearerAuth
from alarm_dispatch.transports.tls import ClientCert, make_tls

__all__ = [
    "DEFAULT_MAX_REPLY_BYTES",
    "Headers",
    "checked_cap",
    "checked_proxy",
    "checked_tls",
    "complete",
    "general_headers",
]

DEFAULT_MAX_REPLY_BYTES = 64 * 1024
"""How much of a reply's body is read; no vendor's reply is near it."""

Headers = tuple[tuple[str, str], ...]

_CERT_PARTS = (2, 3)


def checked_tls(
    transport: str,
    tls: ssl.SSLContext | None,
    ca_file: str | os.PathLike[str] | None,
    client_cert: ClientCert | None,
) -> ssl.SSLContext | None:
    """The context that is given or asked for; None when the default one will do, which takes time to make.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError` when both are, or a file cannot be loaded.
    """
    if tls is not None and not isinstance(tls, ssl.SSLContext):
        raise InvalidFieldError(f"{transport}.tls", f"must be an ssl.SSLContext, not {type(tls).__name__}")
    parts: object = client_cert
    if parts is not None and not (isinstance(parts, tuple | list) and len(parts) in _CERT_PARTS):
        told = "must be (certificate, key) or (certificate, key, password)"
        raise InvalidFieldError(f"{transport}.client_cert", told)
    if ca_file is None and client_cert is None:
        return tls
    if tls is not None:
        raise InvalidFieldError(
            f"{transport}.tls", "is given beside ca_file or client_cert; load them into it"
        )
    # A wrong path is told where it was written, not at the first alarm.
    return make_tls(ca_file, client_cert)


def checked_cap(transport: str, max_reply_bytes: int) -> int:
    """The cap, when a body can be within it; raises InvalidFieldError otherwise."""
    given: object = max_reply_bytes
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise InvalidFieldError(f"{transport}.max_reply_bytes", f"must be at least 1, not {given!r}")
    return max_reply_bytes


def checked_proxy(transport: str, proxy: str) -> tuple[str, Headers]:
    """An HTTP proxy's URL without its user information, and the headers that stand for that."""
    check_url(proxy, f"{transport}.proxy")
    url, authorization = split_user_info(proxy)
    return url, () if authorization is None else (("Proxy-Authorization", authorization),)


def general_headers(
    transport: str, headers: Mapping[str, str] | Iterable[tuple[str, str]], auth: Auth | None
) -> Headers:
    """What goes with every request of a transport; raises InvalidFieldError for what is no header."""
    if auth is not None and not isinstance(auth, BasicAuth | BearerAuth):
        told = f"must be a BasicAuth or a BearerAuth, not {type(auth).__name__}"
        raise InvalidFieldError(f"{transport}.auth", told)
    own = check_headers(headers, f"{transport}.headers")
    return (*own, ("Authorization", auth.header())) if auth is not None else own


def complete(own: Headers, general: Headers) -> Headers:
    """A request's headers and the transport's general ones; the request's own win."""
    if not general:
        return own
    given = {name.lower() for name, _ in own}
    return (*own, *((name, value) for name, value in general if name.lower() not in given))
