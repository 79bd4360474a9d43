"""``worker``: sends what other processes put into an outbox."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from types import FrameType

from attrs import define, field

from alarm_dispatch.cli.carriage import TRANSPORTS, loop_factory, transport_named
from alarm_dispatch.cli.grids import Line
from alarm_dispatch.cli.inputs import groups_from
from alarm_dispatch.cli.outbox import opened
from alarm_dispatch.cli.screen import Screen
from alarm_dispatch.cli.tally import statuses_told, verdicts_told
from alarm_dispatch.delivery import Delivery, DeliveryStatus
from alarm_dispatch.dispatcher import AsyncDispatcher
from alarm_dispatch.egress import INTERNAL, EgressPolicy
from alarm_dispatch.errors import DispatcherClosedError, OutboxError
from alarm_dispatch.exchange import Attempt, Transport, Verdict
from alarm_dispatch.groups import AlarmGroup
from alarm_dispatch.outbox import Outbox, StoredStatus

__all__ = ["run"]

# Seconds between two looks at the counts, and between two lines about them where they cannot be drawn over.
_TO_LOOK = 0.2
_TO_TELL = 10.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(
    *,
    outbox: str,
    groups: str,
    until_empty: bool = False,
    transport: str = TRANSPORTS[0],
    egress: EgressPolicy = INTERNAL,
) -> int:
    """Send until a signal comes, or until nothing is pending; 0 in both cases."""
    served = tuple(groups_from(groups).values())
    carrier = transport_named(transport)
    with opened(outbox, must_exist=False) as store:
        work = _Work(store, served, until_empty=until_empty)
        work.tell_unserved(groups)
        with asyncio.Runner(loop_factory=loop_factory(transport)) as runner:
            runner.run(work.serve(carrier, egress, outbox))
        work.tell_unserved(groups)
    work.sum_up()
    return 0


@define
class _Work:
    """One run: sends, counts and tells."""

    outbox: Outbox
    groups: tuple[AlarmGroup, ...]
    until_empty: bool = field(kw_only=True)
    statuses: Counter[DeliveryStatus] = field(factory=Counter)
    verdicts: Counter[Verdict] = field(factory=Counter)
    _screen: Screen = field(factory=lambda: Screen(error=True))
    _told: Line = ()
    _tell_at: float = field(factory=lambda: time.monotonic() + _TO_TELL)

    # -- the work

    async def serve(self, transport: Transport, egress: EgressPolicy, path: str) -> None:
        """Send until it is time to end."""
        ended = asyncio.Event()
        with _on_signal(ended.set):
            async with AsyncDispatcher(
                transport=transport,
                egress=egress,
                hooks=[self._note],
                outbox=self.outbox,
                groups=self.groups,
            ) as dispatcher:
                names = ", ".join(group.name for group in self.groups)
                Screen().line(f"Serving {path} for {names}. Ctrl-C ends.")
                with self._shown() as draw:
                    while not ended.is_set() and not (self.until_empty and await self._is_empty(dispatcher)):
                        draw()
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(_TO_LOOK):
                                await ended.wait()
                # What could never be sent is no delivery that a hook is told of.
                self.statuses[DeliveryStatus.FAILED] = dispatcher.stats().failed

    async def _is_empty(self, dispatcher: AsyncDispatcher) -> bool:
        stats = dispatcher.stats()
        if stats.waiting or stats.in_flight or not await asyncio.to_thread(self._nothing_pending):
            return False
        await asyncio.sleep(_TO_LOOK)  # what was settled in this moment is counted by then
        return True

    def _nothing_pending(self) -> bool:
        return not any(self._is_pending(group.name) for group in self.groups)

    def _is_pending(self, group: str) -> bool:
        return any(True for _ in self.outbox.list(group=group, status=StoredStatus.PENDING, limit=1))

    # -- what is seen of it

    @contextlib.contextmanager
    def _shown(self) -> Iterator[Callable[[], None]]:
        """Gives what tells the counts: beside a bar where one can be drawn, else in a line now and then."""
        if not self._screen.moves:
            yield self._tell_changes
            return
        with self._screen.bar() as draw:
            yield lambda: draw(self.statuses.total(), None, self._counts())

    def tell_unserved(self, groups_file: str) -> None:
        """Print the names of groups that have something pending and are not ours, if there are any."""
        # A callback that is gone from a group of ours is: what it has is made a dead letter.
        ours = {group.name for group in self.groups}
        with contextlib.suppress(OutboxError):  # what cannot be read is told by those who need it
            others = sorted({lane.group for lane in self.outbox.lanes()} - ours)
            if unserved := ", ".join(filter(self._is_pending, others)):
                told = f"Pending, and not sent here as {groups_file} has no such group: "
                self._screen.line(told, (unserved, "yellow"))

    def _tell_changes(self) -> None:
        now = time.monotonic()
        if now >= self._tell_at and (counts := self._counts()) != self._told:
            self._screen.line(*counts)
            self._told, self._tell_at = counts, now + _TO_TELL

    def _counts(self) -> Line:
        attempts = verdicts_told(self.verdicts)
        return (*statuses_told(self.statuses), *(("; ", *attempts) if attempts else ()))

    def _note(self, event: Attempt | Delivery) -> None:
        if isinstance(event, Attempt):
            self.verdicts[event.verdict] += 1
        elif not isinstance(event.error, DispatcherClosedError):  # else the outbox keeps it
            self.statuses[event.status] += 1
            if event.status is DeliveryStatus.FAILED:
                self._screen.line(f"{event.alarm_id} to {event.callback}: ", (event.outcome, "red"))

    def sum_up(self) -> None:
        """Print the counts."""
        Screen().line(*self._counts())


@contextlib.contextmanager
def _on_signal(end: Callable[[], None]) -> Iterator[None]:
    """Have the first Ctrl-C or SIGTERM call ``end`` on the event loop; further ones do as always."""
    loop = asyncio.get_running_loop()

    def take(_number: int, _frame: FrameType | None) -> None:
        restore()
        loop.call_soon_threadsafe(end)

    before = {number: signal.signal(number, take) for number in _SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    try:
        yield
    finally:
        restore()
