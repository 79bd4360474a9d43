"""How a URL says that Apprise carries what is sent to it: ``apprise:`` and one of Apprise's own URLs."""

from __future__ import annotations

import re

__all__ = ["NAME", "is_service_url", "own_url", "redacted", "scheme_of"]

NAME = "apprise"
"""The scheme, and the name of the format and of the extra."""

_PREFIX = f"{NAME}:"
# Apprise has schemes that begin with a digit.
_URL = re.compile(r"apprise:([a-z0-9][a-z0-9+._-]*)://(.*)", re.IGNORECASE | re.DOTALL)


def is_service_url(url: str) -> bool:
    """Whether the URL begins as one for Apprise does; what follows may be wrong."""
    return url[: len(_PREFIX)].lower() == _PREFIX


def scheme_of(url: str) -> str | None:
    """The scheme of Apprise's own URL (``mailto``), None when there is none."""
    found = _URL.fullmatch(url)
    return found[1].lower() if found else None


def own_url(url: str) -> str:
    """The URL as Apprise knows it."""
    return url[len(_PREFIX) :]


def redacted(url: str, mask: str) -> str | None:
    """What may be shown of it, which is the service alone; None when it is no such URL.

    Services have their keys in any place: in the host, the path, as a user, in the query.
    """
    scheme = scheme_of(url)
    return None if scheme is None else f"{_PREFIX}{scheme}://{mask}"
