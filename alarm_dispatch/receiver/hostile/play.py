"""What one hostile behaviour is made of: when it begins, which bytes it sends, and how it ends."""

from __future__ import annotations

import enum
from collections.abc import Callable

from attrs import field, frozen

from alarm_dispatch.exchange import Verdict

__all__ = ["End", "Hostility", "Play", "Stage"]


class Stage(enum.Enum):
    """When a behaviour begins."""

    LISTEN = enum.auto()
    """Connections are never accepted."""
    ACCEPT = enum.auto()
    """When a connection is accepted; behind ``https`` before TLS."""
    FIRST_BYTE = enum.auto()
    """When the first byte of a request has come."""
    REQUEST = enum.auto()
    """When a request has come whole."""


class End(enum.Enum):
    """What happens to the connection afterwards."""

    HOLD = enum.auto()
    """It stays open until the peer leaves."""
    IGNORE = enum.auto()
    """It stays open, and nothing more is read."""
    CLOSE = enum.auto()
    """It is closed; what the peer still sends is read first, so that it gets what was sent."""
    RESET = enum.auto()
    """It is reset."""
    KEEP = enum.auto()
    """The next request is awaited on it."""


@frozen(kw_only=True)
class Play:
    """Bytes to send: ``first``, ``drip`` byte by byte, and ``again`` for ``times`` times (None: for ever).

    ``every`` is the wait in seconds between two of ``again``.
    """

    first: bytes = b""
    drip: bytes = b""
    again: bytes = b""
    times: int | None = None
    every: float = 0.0
    end: End = End.HOLD


@frozen(kw_only=True)
class Hostility:
    """One behaviour of the catalogue.

    ``verdicts`` are those to which an attempt may come, for a callback that status 200 confirms; there is
    more than one where the receiver's and the sender's packets cross.  ``why`` tells the reason.  ``play``
    makes what is done; ``tls`` says that the URL is ``https`` although no TLS may be spoken.
    """

    name: str
    what: str
    verdicts: tuple[Verdict, ...]
    why: str
    play: Callable[[], Play] = field(repr=False)
    stage: Stage = Stage.REQUEST
    tls: bool = False
