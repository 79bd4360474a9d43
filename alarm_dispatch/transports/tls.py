"""How TLS is set up: always verified, at least 1.2, one context for all connections of a transport."""

from __future__ import annotations

import os
import ssl

import certifi

from alarm_dispatch.errors import InvalidFieldError

__all__ = ["ClientCert", "make_tls", "tls_failure"]

ClientCert = tuple[str, str] | tuple[str, str, str]
"""Paths of a certificate and its key, and the key's password when it has one."""


def make_tls(
    ca_file: str | os.PathLike[str] | None = None, client_cert: ClientCert | None = None
) -> ssl.SSLContext:
    """A verifying client context; ``ca_file`` replaces the authorities that are installed.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError` when a file cannot be loaded.
    """
    field, authorities = "tls.ca_file", ca_file
    if authorities is None and (installed := os.environ.get("SSL_CERT_FILE")):
        field, authorities = "SSL_CERT_FILE", installed
    if authorities is not None and not os.fspath(authorities):
        # An empty name would silently stand for the installed authorities.
        raise InvalidFieldError(field, "must not be empty")
    try:
        context = ssl.create_default_context(cafile=authorities or certifi.where())
    except (OSError, ValueError) as error:
        raise InvalidFieldError(field, _not_loaded(error)) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if client_cert is not None:
        certificate, key, *password = client_cert
        try:
            # Without a password OpenSSL would ask for one on the terminal, and wait.
            context.load_cert_chain(certificate, key, *password or [""])
        except (OSError, ValueError) as error:
            raise InvalidFieldError("tls.client_cert", _not_loaded(error)) from error
    return context


def _not_loaded(error: Exception) -> str:
    return f"cannot be loaded: {getattr(error, 'strerror', None) or error}"


def tls_failure(error: BaseException) -> str | None:
    """What failed in words, when ``error`` is of TLS."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS certificate not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    return None
