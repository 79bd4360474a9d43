"""An option of a format that is a secret: shown nowhere, and pickled by where it is kept or not at all."""

from __future__ import annotations

from typing import Any

from alarm_dispatch.errors import BuildError, InvalidFieldError, SigningError
from alarm_dispatch.secret import Secret, resolve_secret

__all__ = ["needed", "secret_option", "secret_texts"]

_LOST = "came out of a pickle, which holds no secret that was given as a text; make it anew"


class _Kept(Secret):
    """One that was given as a text: a pickle leaves it out, so that reports can be pickled."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, tuple[()]]:  # type: ignore[override]
        return _Lost, ()


class _Lost(_Kept):
    """What is left of it in a pickle: it can only say so."""

    __slots__ = ()

    def __init__(self) -> None:
        self._hold("lost", "", "Format", "")

    def reveal(self) -> str:
        raise SigningError(f"this format {_LOST}")


def secret_option(value: Secret | str, field: str) -> Secret:
    """The secret; a text is one as configurations have it: ``env:NAME``, ``file:PATH``, or itself.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`, which never tells it.
    """
    given: Any = resolve_secret(value, field) if isinstance(value, str) else value
    if isinstance(given, _Kept):
        return given
    if not isinstance(given, Secret | str):
        raise InvalidFieldError(field, f"must be text or a Secret, not {type(given).__name__}")
    text = given.reveal() if isinstance(given, Secret) else given
    # A line break at the end, say, which nobody sees; the vendors' are all of letters and digits.
    if text != text.strip() or not (text.isascii() and text.isprintable()):
        raise InvalidFieldError(field, "must be printable ASCII text without white space at its ends")
    if isinstance(given, Secret) and given.reference:
        return given
    made = object.__new__(_Kept)
    made._hold(text, "", field, "")
    return made


def secret_texts(secret: Secret | None) -> tuple[str, ...]:
    """What nothing may show."""
    return () if secret is None or isinstance(secret, _Lost) else (secret.reveal(),)


def needed(secret: Secret, format_name: str) -> str:
    """The text, for a body; BuildError where it was lost in a pickle."""
    if isinstance(secret, _Lost):
        raise BuildError(f"format {format_name} {_LOST}")
    return secret.reveal()
