"""What a signer is, and how its headers come into a request or keep it from being sent."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NoReturn, Protocol, TypeAlias, runtime_checkable

import attrs

from alarm_dispatch.errors import InvalidFieldError, SigningError
from alarm_dispatch.exchange import Request
from alarm_dispatch.http_values import check_headers
from alarm_dispatch.shown import a_kind, kind_of

__all__ = [
    "FunctionSigner",
    "KeyHolder",
    "SignatureHeaders",
    "Signer",
    "SignerLike",
    "Unkeyed",
    "as_signer",
    "finished",
    "header_names",
    "signed",
]

SignatureHeaders: TypeAlias = "Iterable[tuple[str, str]] | Mapping[str, str]"
"""What a signer answers: at least one header, as pairs or as a mapping."""

_MOST_HEADERS = 16


@runtime_checkable
class Signer(Protocol):
    """What signs a callback's requests: an object with this method.

    It may also have ``header_names``, the names of all headers that it writes; a callback that sets one of
    them itself is then refused when it is made, and not when it is first sent.
    """

    def sign(
        self, content: bytes, *, delivery_id: str, attempt: int, at: datetime
    ) -> Iterable[tuple[str, str]]:
        """The headers that sign ``content``, the exact bytes of the body.

        It is called anew for each attempt, on the thread that sends, so it must be quick and not wait.
        ``delivery_id`` is the same in each attempt, ``attempt`` counts from 1, ``at`` is the aware time of
        the attempt.  Raise :class:`~alarm_dispatch.errors.SigningError` with a text that may be shown; of any
        other exception only its kind is told, since its text may hold the key.
        """
        ...


SignerLike: TypeAlias = "Signer | Callable[..., SignatureHeaders]"
"""A signer, or a plain function with the same arguments."""


class FunctionSigner:
    """A signer made of a function ``function(content, *, delivery_id, attempt, at)``."""

    def __init__(self, function: Callable[..., SignatureHeaders]) -> None:
        self._function = function

    def sign(
        self, content: bytes, *, delivery_id: str, attempt: int, at: datetime
    ) -> Iterable[tuple[str, str]]:
        """What the function answers."""
        answer = self._function(content, delivery_id=delivery_id, attempt=attempt, at=at)
        return answer.items() if isinstance(answer, Mapping) else answer

    @property
    def name(self) -> str:
        """The function's, without what a partial holds: one of its arguments is the key."""
        function: Any = self._function
        while isinstance(function, functools.partial):
            function = function.func
        return kind_of(function)

    def __repr__(self) -> str:
        # Not the function's own: a partial shows its arguments, and one of them is the key.
        return "FunctionSigner()"


class KeyHolder:
    """What holds keys: its repr and its pickles show none, and a copy of it is itself.

    What comes out of a pickle has no keys and cannot be used.
    """

    __slots__ = ()

    def __copy__(self) -> KeyHolder:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> KeyHolder:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Unkeyed, (type(self).__name__,)


class Unkeyed:
    """What is left of a signer or verifier in a pickle: it can only say so."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def sign(self, *_: Any, **__: Any) -> NoReturn:
        """Raise :class:`~alarm_dispatch.errors.SigningError`."""
        raise SigningError(f"this {self._kind} came out of a pickle, which holds no keys; make it anew")

    verify = sign

    def __repr__(self) -> str:
        return f"<{self._kind} out of a pickle, without keys>"


def as_signer(value: SignerLike, field: str) -> Signer:
    """The signer that is meant; raises :class:`~alarm_dispatch.errors.InvalidFieldError` for none."""
    given: Any = value
    if isinstance(given, type):
        raise InvalidFieldError(field, f"is the class {given.__name__}; give an object of it")
    if callable(getattr(given, "sign", None)):
        return given  # type: ignore[no-any-return]  # it was looked at
    if callable(given):
        return FunctionSigner(given)
    raise InvalidFieldError(
        field,
        "must have a method 'sign(content, *, delivery_id, attempt, at)', or be such a function; "
        f"{a_kind(type(given).__name__)} is neither",
    )


def header_names(signer: Signer) -> tuple[str, ...]:
    """The names of the headers that it says it writes."""
    return tuple(getattr(signer, "header_names", ()))


def _who(signer: Signer) -> str:
    """What an error calls it, which is how its author does."""
    return signer.name if isinstance(signer, FunctionSigner) else type(signer).__name__


def signed(request: Request, signer: Signer) -> Request:
    """The request with its signature.

    Raises :class:`~alarm_dispatch.errors.SigningError` whatever goes wrong, with a text that holds no key.
    """
    try:
        headers = _headers_of(request, signer)
    except SigningError as error:
        made = error
    except Exception as error:  # noqa: BLE001 - whatever it is, it fails this delivery; its text may hold the key
        made = SigningError(f"{_who(signer)} raised {type(error).__name__}")
        # Where it was raised says nothing of the key.
        made.__traceback__ = error.__traceback__
    else:
        changing = request.changing + len(headers)
        return attrs.evolve(request, headers=request.headers + headers, changing=changing)
    # Nor may the key be told by what caused it.
    made.__cause__ = made.__context__ = None
    raise made


def finished(request: Request, finish: Callable[[Request], Request], name: str) -> Request:
    """The request as the format ``name`` finishes it for this attempt.

    Raises :class:`~alarm_dispatch.errors.SigningError` whatever goes wrong, with a text that holds no key.
    """
    try:
        made: object = finish(request)
        if isinstance(made, Request):
            return made
        told = f"format {name} finished the request with a {type(made).__name__}"
    except Exception as error:  # noqa: BLE001 - whatever it is, it fails this delivery; its text may hold the key
        told = f"format {name} raised {type(error).__name__} when it finished the request"
    raise SigningError(told)


def _headers_of(request: Request, signer: Signer) -> tuple[tuple[str, str], ...]:
    """What the signer answers, when it can be sent."""
    who, at = _who(signer), request.started_at
    assert at is not None  # noqa: S101 - for mypy: the engine's requests have it
    answer: Any = signer.sign(
        request.content,
        delivery_id=request.delivery_id,
        attempt=request.attempt,
        at=at,
    )
    if inspect.iscoroutine(answer):
        answer.close()
        raise SigningError(f"{who} is asynchronous; a signer must be a plain function")
    pairs = answer.items() if isinstance(answer, Mapping) else answer
    if pairs is None:  # the function has no return
        pairs = ()
    try:
        # A generator may have no end.
        headers = check_headers(list(itertools.islice(pairs, _MOST_HEADERS + 1)), "headers")
    except InvalidFieldError as error:
        raise SigningError(f"{who} answered what cannot be sent: {error}") from None
    if not headers:
        raise SigningError(f"{who} answered no headers, and nothing is sent unsigned")
    if len(headers) > _MOST_HEADERS:
        raise SigningError(f"{who} answered more than {_MOST_HEADERS} headers")
    given = {name.lower() for name, _ in request.headers}
    for name, _ in headers:
        if name.lower() in given:
            raise SigningError(f"{who} answered the header {name}, which the request has already")
    return headers
