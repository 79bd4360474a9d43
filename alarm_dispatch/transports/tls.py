"""How TLS is set up: verified unless said otherwise, at least 1.2, one context for a transport's lanes."""

from __future__ import annotations

import contextlib
import os
import ssl
from typing import Any

import certifi

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.secret import Secret, revealed
from alarm_dispatch.transports.tls_files import (
    authorities_fault,
    certificate_fault,
    check_certificate,
    check_path,
)

__all__ = ["HUNG_UP", "ClientCert", "check_own_context", "make_tls", "tls_failure", "verifies"]

ClientCert = tuple[str, str] | tuple[str, str, str | Secret]
"""Paths of a certificate and its key, and the key's password when it has one."""

_NEW_ENOUGH = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.MAXIMUM_SUPPORTED)


class _NamingObject(ssl.SSLObject):
    """A connection's TLS that notes for which names the certificate is that was not accepted."""

    def do_handshake(self) -> None:
        """Shake hands; see :meth:`ssl.SSLObject.do_handshake`."""
        try:
            super().do_handshake()
        except ssl.SSLCertVerificationError as error:
            # Python shows an unverified certificate in its newest versions only, and there without its names.
            with contextlib.suppress(Exception):
                shown: Any = self._sslobj.get_unverified_chain()[0].get_info()  # type: ignore[attr-defined]
                error.names = tuple(str(name) for _, name in shown["subjectAltName"])  # type: ignore[attr-defined]
            raise


def make_tls(
    ca_file: str | os.PathLike[str] | None = None,
    client_cert: ClientCert | None = None,
    *,
    insecure: bool = False,
    transport: str = "tls",
) -> ssl.SSLContext:
    """A verifying client context; ``ca_file`` replaces the authorities that are installed.

    ``insecure`` makes one that takes any certificate of anybody.  ``transport`` is whose settings these are.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError` when a file cannot be loaded, which says why.
    """
    field, authorities = f"{transport}.ca_file", ca_file
    if authorities is None:
        field, authorities = "SSL_CERT_FILE", os.environ.get("SSL_CERT_FILE") or certifi.where()
    check_path(authorities, field)
    try:
        context = ssl.create_default_context(cafile=authorities)
    except (OSError, ValueError) as error:
        raise InvalidFieldError(field, authorities_fault(authorities)) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslobject_class = _NamingObject
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if client_cert is not None:
        check_certificate(client_cert, f"{transport}.client_cert")
        certificate, key, *given = client_cert
        # Without a password OpenSSL would ask for one on the terminal, and wait.
        password = revealed(given[0]) if given else ""
        try:
            context.load_cert_chain(certificate, key, password)
        except (OSError, ValueError) as error:
            told = certificate_fault(certificate, key, error, password=bool(password))
            raise InvalidFieldError(f"{transport}.client_cert", told) from error
    return context


def verifies(context: ssl.SSLContext) -> bool:
    """Whether connections with it are made to the host that was meant, and to no other."""
    return context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname


def check_own_context(context: ssl.SSLContext, field: str, *, insecure: bool) -> None:
    """Nothing for a context of a user's own that is as safe as ours, or unsafe by an express word.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`.  RFC 8996 is why TLS 1.0 and 1.1 are refused.
    """
    if context.minimum_version not in _NEW_ENOUGH:
        told = "set its minimum_version to ssl.TLSVersion.TLSv1_2 or higher"
        raise InvalidFieldError(field, f"allows {context.minimum_version.name}; {told}")
    if insecure or verifies(context):
        return
    switched_off = (
        "the host's name (check_hostname is False)"
        if context.verify_mode is ssl.CERT_REQUIRED
        else f"certificates (verify_mode is {context.verify_mode.name})"
    )
    raise InvalidFieldError(
        field,
        f"does not verify {switched_off}; load the receiver's authority into it, or say insecure_tls=True",
    )


# OpenSSL's numbers of what it has against a certificate (X509_V_ERR_…, openssl/x509_vfy.h).
_CERTIFICATE_FAULTS = {
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is self-signed, and none of the authorities",
    19: "its authority is unknown",
    20: "its authority is unknown",
    21: "its authority is unknown",
    23: "it was revoked",
}
_WRONG_NAME = (62, 64)
_MOST_NAMES = 5

_NO_TLS = "what answered is not TLS; perhaps the port is one of plain HTTP"
_VERSION = "there is no version of TLS that both sides allow; we take 1.2 and 1.3"
_HUNG_UP = "the receiver closed the connection during the handshake"
_CLIENT_CERT_REFUSED = "the receiver does not accept our client certificate"
_HANDSHAKE_FAULTS = {
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "PACKET_LENGTH_TOO_LONG": _NO_TLS,
    "HTTP_REQUEST": _NO_TLS,
    "UNSUPPORTED_PROTOCOL": _VERSION,
    "TLSV1_ALERT_PROTOCOL_VERSION": _VERSION,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the receiver wants a client certificate",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": (
        "the receiver refused the handshake; it may want a client certificate, or other ciphers"
    ),
    "TLSV1_ALERT_UNKNOWN_CA": _CLIENT_CERT_REFUSED,
    "SSLV3_ALERT_BAD_CERTIFICATE": _CLIENT_CERT_REFUSED,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": _CLIENT_CERT_REFUSED,
    "SSLV3_ALERT_CERTIFICATE_REVOKED": _CLIENT_CERT_REFUSED,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _CLIENT_CERT_REFUSED,
    "TLSV1_ALERT_ACCESS_DENIED": _CLIENT_CERT_REFUSED,
    "UNEXPECTED_EOF_WHILE_READING": _HUNG_UP,
    "TLSV1_UNRECOGNIZED_NAME": "the receiver does not know the host name",
}

HUNG_UP = f"TLS failed: {_HUNG_UP}"
"""The same where OpenSSL has no word for it, as asyncio ends it first."""


def tls_failure(error: BaseException) -> str | None:
    """What failed in words, with OpenSSL's own in brackets, when ``error`` is of TLS."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS certificate not accepted: {_certificate_fault(error)}"
    if isinstance(error, ssl.SSLError):
        reason = str(error.reason or error)
        told = _HANDSHAKE_FAULTS.get(reason)
        return f"TLS failed: {reason}" if told is None else f"TLS failed: {told} ({reason})"
    return None


def _certificate_fault(error: ssl.SSLCertVerificationError) -> str:
    code, message = getattr(error, "verify_code", None), error.verify_message
    if code in _WRONG_NAME:
        names = getattr(error, "names", ())
        if not names:
            return message
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        return f"{message} It is for {', '.join(names[:_MOST_NAMES])}{more}"
    told = _CERTIFICATE_FAULTS.get(code or 0)
    return message if told is None else f"{told} ({message})"
