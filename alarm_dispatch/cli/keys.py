"""Keys on the command line: openly, or by where they are kept, which no list of processes shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from alarm_dispatch.cli.errors import CommandError
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.secret import resolve_secret
from alarm_dispatch.signing import KeyLike, StandardWebhooks, StandardWebhooksVerifier

__all__ = ["signer_by", "verifier_by"]

_T = TypeVar("_T")


def signer_by(keys: Sequence[str]) -> StandardWebhooks | None:
    """The signer that ``--sign-key`` asks for; None where it is not given."""
    return _made(StandardWebhooks, keys, "--sign-key")


def verifier_by(keys: Sequence[str]) -> StandardWebhooksVerifier | None:
    """The verifier that ``--verify-key`` asks for; None where it is not given."""
    return _made(StandardWebhooksVerifier, keys, "--verify-key")


def _made(make: Callable[..., _T], keys: Sequence[str], option: str) -> _T | None:
    if not keys:
        return None
    found: list[KeyLike] = []
    try:
        found.extend(resolve_secret(key, option) for key in keys)
        return make(*found)
    except InvalidFieldError as error:
        raise CommandError(f"{option}: {error.problem}") from None
