"""Why a signature is refused: a closed set, which may label a metric."""

from __future__ import annotations

import enum

__all__ = ["SignatureRefusal"]


class SignatureRefusal(enum.StrEnum):
    """Why a request is not taken for the sender's."""

    MISSING_HEADER = "missing header"
    """A header that the scheme needs is not there, or is empty."""
    MALFORMED_HEADER = "malformed header"
    """A header occurs twice, or holds what the scheme does not allow."""
    TOO_OLD = "too old"
    """The timestamp is before the window: a request that was recorded and sent again, or a wrong clock."""
    TOO_NEW = "too new"
    """The timestamp is after the window: one of the two clocks is wrong."""
    NO_SUITABLE_SIGNATURE = "no suitable signature"
    """There are signatures, but none of a kind that the keys are for."""
    WRONG_SIGNATURE = "wrong signature"
    """The body, the id or the time is another than the one that was signed, or the key is another."""
