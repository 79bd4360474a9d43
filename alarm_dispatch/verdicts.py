"""How one attempt can end, in a closed set of words."""

from __future__ import annotations

import enum

__all__ = ["Verdict"]


class Verdict(enum.StrEnum):
    """How one attempt ended: the closed set that reports, logs and metrics share."""

    CONFIRMED = "confirmed"
    """The receiver has it, by the confirmation of its format."""
    REJECTED = "rejected"
    """The receiver answered no: any whole reply that is not 2xx, or one whose body says so."""
    UNCONFIRMED = "unconfirmed"
    """2xx, but the reply does not confirm."""
    UNKNOWN = "unknown"
    """Sent, and no whole answer: it may have arrived."""
    UNREACHABLE = "unreachable"
    """Nothing of the body was sent, so it cannot have arrived."""
    REFUSED = "refused"
    """A rule of our own forbade the request; it was not made."""
