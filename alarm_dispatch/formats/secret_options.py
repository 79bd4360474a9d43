"""An option of a format that is a secret: shown nowhere, and pickled by where it is kept or not at all."""

from __future__ import annotations

from typing import Any

from alarm_dispatch.errors import BuildError, InvalidFieldError
from alarm_dispatch.secret import Hidden, Secret, resolve_secret

__all__ = ["kept", "needed", "secret_option"]

# What is left of a secret in a pickle, where nothing says where it is kept.
_LOST = Hidden("")


def secret_option(value: Secret | str, field: str) -> Secret:
    """The secret; a text is one as configurations have it: ``env:NAME``, ``file:PATH``, or itself.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`, which never tells it.
    """
    given: Any = value
    if isinstance(given, Hidden) and not given.reveal():
        return given  # out of a pickle
    if isinstance(given, str):
        given = resolve_secret(given, field)
    if isinstance(given, str):
        if not given:
            raise InvalidFieldError(field, "must not be empty")
        given = Secret(given)
    if not isinstance(given, Secret):
        raise InvalidFieldError(field, f"must be text or a Secret, not {type(given).__name__}")
    text = given.reveal()
    if not text or text != text.strip() or not (text.isascii() and text.isprintable()):
        raise InvalidFieldError(field, "must be printable ASCII text without white space at its ends")
    return given


def kept(secret: Secret) -> Secret:
    """What of it a pickle may hold."""
    return secret if secret.reference else _LOST


def needed(secret: Secret, format_name: str) -> str:
    """The text; BuildError where it was lost in a pickle."""
    text = secret.reveal()
    if not text:
        told = "came out of a pickle, which holds no secrets that were given as a text; make it anew"
        raise BuildError(f"format {format_name} {told}")
    return text
