"""What is wrong with the files of a TLS context: OpenSSL names no file, and calls most of it "PEM lib"."""

from __future__ import annotations

import os
import re
import ssl
from pathlib import Path
from typing import Any

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.secret import revealed
from alarm_dispatch.shown import shown

__all__ = ["authorities_fault", "certificate_fault", "check_certificate", "check_path"]

_LONGEST_PATH = 300
# More than all the authorities of the world have.
_MOST_BYTES = 4 * 1024 * 1024

_PEM = "-----BEGIN "
_CERTIFICATE = ("certificate", re.compile(rb"-----BEGIN [A-Z0-9 ]*CERTIFICATE-----"))
_KEY = ("private key", re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----"))
_ENCRYPTED = re.compile(rb"-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED")
_DAMAGED = "cannot be loaded: it is damaged, or not in PEM"
_CERT_PARTS = (2, 3)


def check_path(path: Any, field: str) -> None:
    """Nothing for what may be the path of a file, else :class:`~alarm_dispatch.errors.InvalidFieldError`."""
    if not isinstance(path, str | os.PathLike):
        raise InvalidFieldError(field, f"must be the path of a file, not {type(path).__name__}")
    if not os.fspath(path):
        # An empty name would silently stand for the installed authorities.
        raise InvalidFieldError(field, "must not be empty")
    if _PEM in str(path):
        # Which is not repeated: it may be the key.
        raise InvalidFieldError(field, "is a text in PEM; put it into a file, and give the path of that")


def check_certificate(client_cert: Any, field: str) -> None:
    """Nothing for two paths and perhaps a password, else InvalidFieldError."""
    if not isinstance(client_cert, tuple | list) or len(client_cert) not in _CERT_PARTS:
        raise InvalidFieldError(field, "must be (certificate, key) or (certificate, key, password)")
    certificate, key, *password = client_cert
    check_path(certificate, f"{field}[0]")
    check_path(key, f"{field}[1]")
    for given in password:
        # For None OpenSSL would ask on the terminal, and wait.
        if not isinstance(revealed(given), str | bytes):
            told = f"must be the key's password, as text or a Secret, not {type(given).__name__}"
            raise InvalidFieldError(f"{field}[2]", told)


def authorities_fault(file: str | os.PathLike[str]) -> str:
    """What is wrong with a file of authorities that cannot be loaded."""
    return _look(file, *_CERTIFICATE)[1] or f"{_named(file)} {_DAMAGED}"


def certificate_fault(
    certificate: str | os.PathLike[str], key: str | os.PathLike[str], error: Exception, *, password: bool
) -> str:
    """What is wrong with a certificate and its key that cannot be loaded, with a ``password`` or without."""
    _, fault = _look(certificate, *_CERTIFICATE)
    content, key_fault = _look(key, *_KEY)
    if fault or key_fault:
        return fault or key_fault
    if not isinstance(error, ssl.SSLError):
        return str(error)  # the password is longer than Python takes
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"the key in {_named(key)} does not belong to the certificate in {_named(certificate)}"
    if _ENCRYPTED.search(content):
        why = "the password is not its" if password else "no password is given"
        return f"the key in {_named(key)} is encrypted, and {why}"
    return f"{_named(certificate)} or {_named(key)} {_DAMAGED}"


def _look(file: str | os.PathLike[str], what: str, mark: re.Pattern[bytes]) -> tuple[bytes, str]:
    """The beginning of a file, and what is wrong with it as far as one can see."""
    try:
        path = Path(file)
        if path.is_fifo():
            return b"", ""  # it was read once, and there is no second time
        with path.open("rb") as opened:
            content = opened.read(_MOST_BYTES)
    except (OSError, ValueError) as error:
        return b"", f"{_named(file)} cannot be read: {getattr(error, 'strerror', None) or error}"
    return content, "" if mark.search(content) else f"{_named(file)} has no {what} in PEM"


def _named(file: str | os.PathLike[str]) -> str:
    return f"the file {shown(str(file), _LONGEST_PATH)}"
