"""What became of an alarm: its deliveries, their attempts, and the report on a whole group."""

from __future__ import annotations

import enum
from typing import Any

from attrs import field, fields, frozen

from alarm_dispatch.callbacks import Callback
from alarm_dispatch.errors import DispatchFailedError
from alarm_dispatch.exchange import Attempt
from alarm_dispatch.redaction import described, portable_error, shown_error

__all__ = ["Delivery", "DeliveryStatus", "DispatchReport"]


class DeliveryStatus(enum.StrEnum):
    """How a delivery ended."""

    DELIVERED = "delivered"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    """A newer notification of the same alarm took its place, as the callback's ``supersede`` has it."""


@frozen(kw_only=True)
class Delivery:
    """One notification to one callback, settled.

    ``id`` is the session id that every attempt carried.  ``error`` is why it failed for a reason of our own
    (the format could not build it, the egress policy refused it, a confirmation raised, the dispatcher was
    closed); None when the receiver's answers alone decided.  Where such an error, or what caused it, shows a
    secret of the callback, a :class:`~alarm_dispatch.errors.ForeignError` stands for it.

    A pickle of it tells what became of it and cannot be used to send: the URL and the headers of its
    callback are masked there, its transport and its confirmation left out.  Of an error of others it has
    the kind and the text, as a ForeignError.
    """

    id: str
    alarm_id: str
    callback: Callback
    status: DeliveryStatus
    attempts: tuple[Attempt, ...] = ()
    error: BaseException | None = field(default=None, eq=False)

    def __attrs_post_init__(self) -> None:
        if self.error is not None:
            object.__setattr__(self, "error", shown_error(self.error, self.callback.secrets))

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        given = {each.name: getattr(self, each.name) for each in fields(type(self))}
        error = None if self.error is None else portable_error(self.error)
        return _loaded, (type(self), {**given, "callback": self.callback.masked(), "error": error})

    def __copy__(self) -> Delivery:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Delivery:
        return self  # it is a value, and a copy by way of a pickle would be a masked one

    @property
    def ok(self) -> bool:
        """Whether the receiver confirmed."""
        return self.status is DeliveryStatus.DELIVERED

    @property
    def outcome(self) -> str:
        """For people: why it failed, or that it was delivered."""
        if self.status is not DeliveryStatus.FAILED:
            return str(self.status)
        if self.error is not None:
            return described(self.error)
        if not self.attempts:
            return "failed without an attempt"
        last = self.attempts[-1]
        return f"{last.verdict} after {last.number} attempt{'s' if last.number > 1 else ''}: {last.reason}"


def _loaded(kind: type[Delivery], given: dict[str, Any]) -> Delivery:
    return kind(**given)


@frozen(kw_only=True)
class DispatchReport:
    """What became of one alarm in one group: a delivery for each callback, in the group's order."""

    alarm_id: str
    group: str
    deliveries: tuple[Delivery, ...]

    @property
    def ok(self) -> bool:
        """Whether every callback confirmed."""
        return all(delivery.ok for delivery in self.deliveries)

    @property
    def failed(self) -> tuple[Delivery, ...]:
        """The deliveries that failed; a superseded one is neither confirmed nor failed."""
        return tuple(one for one in self.deliveries if one.status is DeliveryStatus.FAILED)

    def raise_for_failure(self) -> None:
        """Do nothing when all is delivered.

        Raises :class:`~alarm_dispatch.errors.DispatchFailedError`, whose ``report`` is this one and whose
        cause is the first failed delivery's ``error``.
        """
        failed = self.failed
        if failed:
            raise DispatchFailedError(self) from failed[0].error
