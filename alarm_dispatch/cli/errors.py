"""What stops a command before it begins."""

from __future__ import annotations

from alarm_dispatch.errors import AlarmDispatchError

__all__ = ["CommandError"]


class CommandError(AlarmDispatchError):
    """The arguments do not go together, or name what does not exist; the exit code is 2."""
