"""How an evaluation becomes deliveries: what is told is decided where it is kept, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from attrs import define

from alarm_dispatch.clock import Clock
from alarm_dispatch.engine import Engine
from alarm_dispatch.engine.backlog import Backlog
from alarm_dispatch.engine.durable import DurableEngine
from alarm_dispatch.errors import OutboxError
from alarm_dispatch.groups import AlarmGroup
from alarm_dispatch.jobs import Job, Unbuilt
from alarm_dispatch.model import Alarm
from alarm_dispatch.outbox.base import Outbox
from alarm_dispatch.repeats import MemoryRepeats, RepeatDecision, RepeatStore, RepeatTracker
from alarm_dispatch.tickets import Ticket

__all__ = ["Evaluation", "Prepare", "enter_evaluation", "tracker_for"]

Prepare = Callable[[Alarm, AlarmGroup], tuple[Ticket, list[Job | Unbuilt]]]
"""What there is to do for an alarm."""


def tracker_for(outbox: Outbox | None, min_hold: float, clock: Clock) -> RepeatTracker | None:
    """What follows alarms from evaluation to evaluation; None for an outbox that keeps no repeats."""
    store: object = MemoryRepeats() if outbox is None else getattr(outbox, "repeats", None)
    if not isinstance(store, RepeatStore):
        return None
    return RepeatTracker(store, min_hold=min_hold, clock=clock)


@define(eq=False)
class Evaluation:
    """An alarm that was evaluated, and from :meth:`decide` on what is told of it.

    ``ticket`` is None when nothing is.
    """

    alarm: Alarm
    group: AlarmGroup
    tracker: RepeatTracker
    prepare: Prepare
    decision: RepeatDecision = RepeatDecision.NOTHING
    ticket: Ticket | None = None
    prepared: Sequence[Job | Unbuilt] = ()

    def decide(self, now: datetime) -> None:
        """Follow the alarm, and make what is to be sent, if anything is.

        Called in a transaction of the tracker's store; what it decided is void when that fails.
        """
        observation = self.tracker.observe(self.alarm, self.group, now=now)
        self.decision = observation.decision
        self.ticket, self.prepared = None, ()
        if observation.alarm is not None:
            self.ticket, self.prepared = self.prepare(observation.alarm, self.group)


def enter_evaluation(
    engine: Engine,
    evaluation: Evaluation,
    backlog: Backlog,
    *,
    stored: Callable[[OutboxError | None], object] = lambda _: None,
    told: Callable[[OutboxError | None], object] = lambda _: None,
) -> None:
    """Decide in the transaction of the engine's outbox that puts what is to be sent.

    The backlog has room for a delivery to each callback of the group; what is not needed is given back.
    ``stored`` is told, on any thread, when it is done or why not, and ``told`` the same on the engine's loop.
    When it could not be written, nothing has been decided, and nothing is settled.
    """
    jobs: list[Job] = []
    unbuilt: list[Unbuilt] = []
    room = len(evaluation.group.callbacks)

    def decide(now: datetime) -> None:
        evaluation.decide(now)
        jobs[:] = [item for item in evaluation.prepared if isinstance(item, Job)]
        unbuilt[:] = [item for item in evaluation.prepared if isinstance(item, Unbuilt)]

    def then(error: OutboxError | None) -> None:
        if error is not None or evaluation.ticket is None:
            backlog.release(room)
            told(error)
            return
        told(None)
        for index, item in enumerate(evaluation.prepared):
            if isinstance(item, Unbuilt):
                engine.settle_unbuilt(item.delivery)
                evaluation.ticket.settle(index, item.delivery)

    assert isinstance(engine, DurableEngine)  # noqa: S101 - for mypy: others have nothing to keep
    engine.put(jobs, unbuilt, stored, then, decide)
