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
    authorities = ca_file or os.environ.get("SSL_CERT_FILE") or certifi.where()
    try:
        context = ssl.create_default_context(cafile=authorities)
    except OSError as error:
        raise InvalidFieldError("ca_file", f"cannot be loaded: {error.strerror or error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if client_cert is not None:
        try:
            context.load_cert_chain(*client_cert)
        except OSError as error:
            raise InvalidFieldError("client_cert", f"cannot be loaded: {error.strerror or error}") from error
    return context


def tls_failure(error: BaseException) -> str | None:
    """What failed in words, when ``error`` is of TLS."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS certificate not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    return None
