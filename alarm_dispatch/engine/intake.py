"""When an engine looks into its outbox: how much it takes for each callback, and when it tidies up."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable

from alarm_dispatch.engine.followed import End, Followed
from alarm_dispatch.engine.journal import Journal
from alarm_dispatch.engine.keeping import KeepingSettings
from alarm_dispatch.errors import OutboxError
from alarm_dispatch.outbox.base import Claim, Filter, Held, LaneKey, StoredDelivery

__all__ = ["Intake"]

_log = logging.getLogger("alarm_dispatch")

# Deliveries of a lane that are taken out of the outbox at a time: enough that those of a fast receiver do not
# run out between two looks, and few enough that a million that wait do not fill the memory.
_ROOM = 64
_TIMES_LIMIT = 4
# And of all lanes together in one look, one of each at least: to make them into jobs takes the loop a while.
_AT_A_TIME = 256
# Seconds between two looks at what others have put.
_LOOK = 0.5
# Seconds between two small steps of removing what is kept no longer, and of looking for what nobody sends.
_TIDY = 10.0
# And while there is more: a step removes 500, and thousands may settle in a second.
_TIDY_MORE = 0.02


class Intake:
    """Asks the outbox for what is due, and how that ended which others send; on the engine's loop.

    ``take`` is called with what we hold from then on, ``tell`` with what ended elsewhere, ``looked`` after
    each look.
    """

    def __init__(
        self,
        settings: KeepingSettings,
        journal: Journal,
        followed: Followed,
        *,
        take: Callable[[Held], object],
        tell: Callable[[End], object],
        looked: Callable[[], object],
    ) -> None:
        self._settings = settings
        self._clock = settings.clock
        self._outbox = settings.outbox
        self._loop = asyncio.get_running_loop()
        self._journal = journal
        self._followed = followed
        self._take = take
        self._tell = tell
        self._looked = looked
        self._taken: Counter[LaneKey] = Counter()
        self._gone: tuple[LaneKey, ...] = ()
        self._asking = False
        self._ask_again = False
        # Lanes that gave something when they were asked last, so that there may be more.
        self._more: set[LaneKey] = set()
        self._failing = self._untidy = False
        self._next_look: asyncio.TimerHandle | None = None
        self._next_tidy: asyncio.TimerHandle | None = None
        self._stopped = False

    def start(self) -> None:
        """Look for what is there already, and from then on now and then."""
        self._ask_for_lanes()
        self._look()
        self._next_tidy = self._loop.call_later(_TIDY, self._tidy)

    def stop(self) -> None:
        """Take nothing more."""
        self._stopped = True
        for handle in (self._next_look, self._next_tidy):
            if handle is not None:
                handle.cancel()

    # -- how much there is room for

    def took(self, lane: LaneKey) -> None:
        """The engine has one more of what was taken."""
        self._taken[lane] += 1

    def left(self, lane: LaneKey) -> None:
        """The engine has one less of them."""
        self._taken[lane] -= 1
        if lane in self._more and self._taken[lane] * 2 <= _room(self._settings.limit(lane)):
            self.look_soon()

    # -- looking

    def look_soon(self) -> None:
        """Look before it is time to."""
        self._ask_again = True
        if not self._asking and not self._stopped:
            self._look_in(0.0)

    def _look_in(self, seconds: float) -> None:
        if self._next_look is not None:
            self._next_look.cancel()
        self._next_look = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        self._next_look, self._asking, self._ask_again = None, True, False
        room = dict.fromkeys(self._gone, _ROOM)
        for lane, limit in self._settings.lanes():
            wanted = _room(limit) - self._taken[lane]
            if wanted > 0:
                room[lane] = wanted
        share = max(1, _AT_A_TIME // max(1, len(room)))
        room = {lane: min(wanted, share) for lane, wanted in room.items()}
        self._journal.ask(
            lambda worker, now: self._outbox.claim(worker, room, now=now),
            functools.partial(self._claimed, room.keys()),
        )
        if asked := self._followed.some():

            def learned(found: Iterable[StoredDelivery] | OutboxError) -> None:
                if not isinstance(found, OutboxError):  # that is told when it is asked for deliveries
                    for end in self._followed.ends(asked, found):
                        self._tell(end)

            self._journal.ask(lambda _worker, _now: list(self._outbox.list(Filter(ids=asked))), learned)

    def _claimed(self, asked: Collection[LaneKey], claim: Claim | OutboxError) -> None:
        self._asking = False
        if self._stopped:
            return  # what it got is anybody's when the worker leaves
        wait = _LOOK
        if isinstance(claim, OutboxError):
            if not self._failing:
                _log.warning("the outbox cannot be asked for deliveries now; that is tried again: %s", claim)
            self._failing = True
        else:
            self._failing = False
            self._more.difference_update(asked)
            self._more.update(held.entry.lane for held in claim.held)
            for held in claim.held:
                self._take(held)
            due_in = _LOOK if claim.next_due is None else (claim.next_due - self._clock.now()).total_seconds()
            # What is due, and was not given, is not asked for in a circle.
            wait = min(_LOOK, max(0.0, due_in)) if claim.held or due_in > 0 else _LOOK
        self._looked()
        self._look_in(0.0 if self._ask_again else wait)

    def ask_for_pending(self, then: Callable[[bool | OutboxError], object]) -> None:
        """Tell whether anything is unsettled in the lanes that are served; not after the journal's end."""
        lanes = [*self._gone, *(lane for lane, _ in self._settings.lanes())]
        self._journal.ask(lambda _worker, _now: self._outbox.has_pending(lanes), then)

    # -- tidying up

    def _tidy(self) -> None:
        self._ask_for_lanes()
        self._journal.ask(lambda _worker, now: self._outbox.trim(now=now), self._tidied)

    def _tidied(self, more: bool | OutboxError) -> None:
        if isinstance(more, OutboxError):
            # Else a file that grows for ever would be the first to tell.
            if not self._untidy and not self._failing:
                _log.warning("the outbox cannot be tidied up now; that is tried again: %s", more)
            self._untidy = True
        else:
            self._untidy = False
        if not self._stopped:
            wait = _TIDY_MORE if more is True else _TIDY
            self._next_tidy = self._loop.call_later(wait, self._tidy)

    def _ask_for_lanes(self) -> None:
        self._journal.ask(lambda _worker, _now: self._outbox.lanes(), self._found_lanes)

    def _found_lanes(self, lanes: Collection[LaneKey] | OutboxError) -> None:
        # Those are taken too, as nobody else would tell that nobody sends them.
        if not isinstance(lanes, OutboxError):
            self._gone = tuple(filter(self._settings.is_gone, lanes))


def _room(limit: int) -> int:
    return max(_ROOM, _TIMES_LIMIT * limit)
