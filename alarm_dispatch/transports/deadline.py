"""The deadline of an attempt, at a fifth of the cost of asyncio's own timeouts."""

from __future__ import annotations

import asyncio
from types import TracebackType

__all__ = ["Deadline"]


class Deadline:
    """Cuts its block off at a time of the running loop, and then raises TimeoutError.

    ``with Deadline(when):`` in a coroutine is ``async with asyncio.timeout_at(when):`` without what an
    attempt never needs: moving it, or having none.
    """

    __slots__ = ("_cancelled_before", "_expired", "_handle", "_task")

    def __init__(self, when: float) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for mypy: transports are called in coroutines
        self._task = task
        self._expired = False
        self._cancelled_before = task.cancelling()
        self._handle = asyncio.get_running_loop().call_at(when, self._expire)

    def _expire(self) -> None:
        self._expired = True
        self._task.cancel()

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._expired:
            self._handle.cancel()
        elif self._task.uncancel() <= self._cancelled_before and kind is asyncio.CancelledError:
            # Somebody else's cancellation, if there was one too, must go on; this one ends here.
            raise TimeoutError from error
