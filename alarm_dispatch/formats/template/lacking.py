"""What an alarm does not have, told to the author of a template that wants it."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["what_lacks"]


def what_lacks(owner: object, name: object) -> str:
    """That ``owner``, a part of an alarm, has nothing of this name; without the paths of our classes."""
    kind = "the mapping" if isinstance(owner, Mapping) else f"the {type(owner).__name__}"
    return f"{kind} has no {name!r}; for what only some alarms have: default, is defined"
