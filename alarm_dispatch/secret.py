"""A text that nothing shows: a key, a password, a token, a URL, given openly or by where it is kept."""

from __future__ import annotations

import hmac
import os
from pathlib import Path
from typing import Any, NoReturn

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.quoting import MASK
from alarm_dispatch.values import check_text

__all__ = ["MAX_LENGTH", "Hidden", "Secret", "hidden", "resolve_secret", "revealed"]

MAX_LENGTH = 16 * 1024
"""The longest secret in characters: twice the longest URL, and any private key in PEM."""

_ENV = "env:"
_FILE = "file:"
_MOST_BYTES_EACH = 4  # UTF-8, for one character


class Secret:
    """A text that only :meth:`reveal` tells: str, repr and format show ``***``, in JSON it is an error.

    ``Secret("…")`` holds a text that is at hand.  :meth:`from_env` and :meth:`from_file` say where it is
    kept; it is read at once, so that what is missing is told when the program starts, and once.

    Secrets are equal when their texts are; how long the comparison takes tells nothing of the text.  A copy,
    also a deep one, is the secret itself.  A secret from the environment or a file is pickled as its name,
    and read anew where it is loaded; one that was given as a text cannot be pickled (TypeError), since
    the pickle would show it.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError` for what is no text, empty, or longer than
    16,384 characters.
    """

    __slots__ = ("_source", "_text")

    _source: str
    _text: str

    def __init__(self, text: str) -> None:
        self._hold(text, "", "Secret", "")

    @classmethod
    def from_env(cls, name: str, *, field: str = "Secret") -> Secret:
        """What the environment variable ``name`` holds; ``field`` is what an error calls the place.

        Raises :class:`~alarm_dispatch.errors.InvalidFieldError`, which names the variable and never tells
        what it holds.
        """
        check_text(name, field)
        if not name or "=" in name or "\0" in name:
            raise InvalidFieldError(field, "must name an environment variable, such as env:ALARM_TOKEN")
        told = f"the environment variable {name} "
        found = os.environ.get(name)
        if found is None:
            raise InvalidFieldError(field, f"{told}is not set")
        return cls._read(found, _ENV + name, field, told)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], *, field: str = "Secret") -> Secret:
        """What the file holds, in UTF-8 and without the line break at its end, which editors write.

        Raises :class:`~alarm_dispatch.errors.InvalidFieldError`, which names the file and never tells what
        it holds.
        """
        name = check_text(os.fspath(path), field)
        if not name:
            raise InvalidFieldError(field, "must name a file, such as file:/run/secrets/token")
        told = f"the file {name} "
        most = MAX_LENGTH * _MOST_BYTES_EACH
        try:
            with Path(name).open("rb") as file:
                content = file.read(most + 1)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise InvalidFieldError(field, f"{told}cannot be read: {why}") from None
        try:
            text = content[:most].decode()
        except UnicodeDecodeError as error:
            if len(content) <= most:
                raise InvalidFieldError(field, f"{told}is not UTF-8 at byte {error.start}") from None
            text = " " * most  # cut off within a character, and too long anyway
        return cls._read(text.removesuffix("\n").removesuffix("\r"), _FILE + name, field, told)

    @classmethod
    def _read(cls, text: str, source: str, field: str, told: str) -> Secret:
        made = object.__new__(cls)
        made._hold(text, source, field, told)
        return made

    def _hold(self, text: str, source: str, field: str, told: str) -> None:
        given: object = text
        if isinstance(given, str) and not given:
            raise InvalidFieldError(field, f"{told}is empty" if told else "must not be empty")
        try:
            check_text(text, field)
        except InvalidFieldError as error:
            raise InvalidFieldError(field, told + error.problem) from None
        if len(text) > MAX_LENGTH:
            raise InvalidFieldError(field, f"{told}is longer than {MAX_LENGTH} characters")
        object.__setattr__(self, "_text", text)
        object.__setattr__(self, "_source", source)

    @property
    def reference(self) -> str | None:
        """Where it is kept, as configuration files have it (``env:NAME``, ``file:PATH``), or None."""
        return self._source or None

    def reveal(self) -> str:
        """The text."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({self._source or MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a Secret cannot be changed; {name!r} was to be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a Secret cannot be changed; {name!r} was to be deleted")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        if self._source.startswith(_ENV):
            return type(self).from_env, (self._source.removeprefix(_ENV),)
        if self._source:
            return type(self).from_file, (self._source.removeprefix(_FILE),)
        raise TypeError(
            "a Secret that was given as a text cannot be pickled, since the pickle would show it; use "
            'Secret.from_env("NAME") or Secret.from_file("PATH"), of which only the name is pickled'
        )


class Hidden(Secret):
    """A text that was given openly where a secret may stand: shown as little, but pickled as it is.

    It may be empty, and as long as its field allows.
    """

    __slots__ = ()

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "_text", text)
        object.__setattr__(self, "_source", "")

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return Hidden, (self._text,)


def hidden(value: Secret | str, field: str) -> Secret:
    """A secret as it is, and a text as one that nothing shows; raises InvalidFieldError for anything else."""
    return value if isinstance(value, Secret) else Hidden(check_text(value, field))


def resolve_secret(text: str, field: str) -> Secret | str:
    """What a text of a configuration file stands for: ``env:NAME`` and ``file:PATH`` are secrets.

    Any other text is itself.  ``field`` is what an error calls the place.  Raises
    :class:`~alarm_dispatch.errors.InvalidFieldError` as :class:`Secret` does.
    """
    check_text(text, field)
    if text.startswith(_ENV):
        return Secret.from_env(text.removeprefix(_ENV), field=field)
    if text.startswith(_FILE):
        return Secret.from_file(text.removeprefix(_FILE), field=field)
    return text


def revealed(value: Any) -> Any:
    """A secret's text; anything else as it is."""
    return value.reveal() if isinstance(value, Secret) else value
