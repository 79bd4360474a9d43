"""How a dispatcher tries its paths: with a test alarm, once or again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from alarm_dispatch.dispatcher.settings import DispatcherSettings, check_every, enter, enter_kept
from alarm_dispatch.drills import drill_alarm, heartbeat_alarm
from alarm_dispatch.engine import Engine
from alarm_dispatch.groups import AlarmGroup
from alarm_dispatch.heartbeats import Heartbeat
from alarm_dispatch.model import Alarm
from alarm_dispatch.tickets import Ticket
from alarm_dispatch.values import check_kind

__all__ = ["Drilling"]


class Drilling(DispatcherSettings):
    """The part of both dispatchers that makes test alarms."""

    _heartbeats: tuple[Heartbeat, ...] = ()

    def _drill(self) -> Alarm:
        return drill_alarm(f"drill-{self._preparation.new_id()}", self._clock.now())

    def _new_heartbeat(
        self, group: AlarmGroup, every: float, engine: Callable[[], Engine]
    ) -> Callable[[], Heartbeat]:
        """What makes a heartbeat, on the loop of the engine; its arguments are checked now."""
        check_kind(group, (AlarmGroup,), "heartbeat.group")
        check_every(every, "heartbeat.every")
        self._learn(group)

        def beat() -> Ticket:
            running, new_id = engine(), self._preparation.new_id
            alarm = heartbeat_alarm(f"heartbeat-{new_id()}", self._clock.now())
            ticket, prepared = self._prepared(alarm, group)
            self._backlog.reserve(len(prepared))
            if self._keeping is None:
                enter(running, ticket, prepared)
            else:
                enter_kept(running, ticket, prepared)
            return ticket

        def make() -> Heartbeat:
            made = Heartbeat(group.name, every, beat, asyncio.get_running_loop())
            self._heartbeats = (*(one for one in self._heartbeats if not one.stopped), made)
            return made

        return make

    def _stop_heartbeats(self) -> None:
        for heartbeat in self._heartbeats:
            heartbeat.stop()
