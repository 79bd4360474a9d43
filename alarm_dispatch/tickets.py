"""Who waits for what: a ticket gathers the deliveries of one alarm and tells when all are settled."""

from __future__ import annotations

from collections.abc import Callable

from alarm_dispatch.delivery import Delivery, DispatchReport

__all__ = ["Ticket"]


class Ticket:
    """The deliveries of one alarm to one group, on their way to a report.

    It is settled on the engine's thread and may be waited for on any.  Nothing is made for those who wait
    before somebody does: most alarms of a storm are waited for by nobody.
    """

    __slots__ = ("_alarm_id", "_deliveries", "_group", "_left", "_waiters", "report")

    def __init__(self, alarm_id: str, group: str, count: int) -> None:
        self._alarm_id = alarm_id
        self._group = group
        self._deliveries: list[Delivery | None] | None = None if count == 1 else [None] * count
        self._left = count
        self._waiters: list[Callable[[], object]] | None = None
        self.report: DispatchReport | None = None

    def settle(self, index: int, delivery: Delivery) -> None:
        """Note that the delivery to the group's callback number ``index`` is settled."""
        self._left -= 1
        if self._deliveries is None:
            deliveries: tuple[Delivery, ...] = (delivery,)
        else:
            self._deliveries[index] = delivery
            if self._left:
                return
            deliveries = tuple(filter(None, self._deliveries))
        self.report = DispatchReport(alarm_id=self._alarm_id, group=self._group, deliveries=deliveries)
        # Whoever comes from here on sees the report; whoever came before is in the list.
        for waiter in tuple(self._waiters or ()):
            waiter()

    def when_done(self, waiter: Callable[[], object]) -> Callable[[], object]:
        """Call ``waiter``, at once when all is settled already, and return it; it may be called twice.

        One thread at a time may ask.
        """
        if self._waiters is None:
            self._waiters = []
        self._waiters.append(waiter)
        if self.report is not None:
            waiter()
        return waiter

    def forget(self, waiter: Callable[[], object]) -> None:
        """Call it no more: whoever asked has left."""
        (self._waiters or []).remove(waiter)
