"""The secret that a robot's requests are signed with: shown nowhere, and not in a pickle either."""

from __future__ import annotations

from typing import Any

from alarm_dispatch.errors import SigningError
from alarm_dispatch.secret import Secret

__all__ = ["as_signing_secret", "secret_texts"]


class _Kept(Secret):
    """One that was given as a text: a pickle leaves it out, so that reports can be pickled."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, tuple[()]]:  # type: ignore[override]
        return _Lost, ()


class _Lost(_Kept):
    """What is left of it in a pickle: it can only say so."""

    __slots__ = ()

    def __init__(self) -> None:
        self._hold("lost", "", "Format.secret", "")

    def reveal(self) -> str:
        raise SigningError("this format came out of a pickle, which holds no secret; make it anew")


def as_signing_secret(value: Secret | str | None) -> Secret | None:
    """The secret; one that is kept in the environment or a file is pickled as its name, any other not at all.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError` when it is empty or no text.
    """
    if value is None or isinstance(value, _Kept) or (isinstance(value, Secret) and value.reference):
        return value
    made = object.__new__(_Kept)
    made._hold(value.reveal() if isinstance(value, Secret) else value, "", "Format.secret", "")
    return made


def secret_texts(secret: Secret | None) -> tuple[str, ...]:
    """What nothing may show."""
    return () if secret is None or isinstance(secret, _Lost) else (secret.reveal(),)
