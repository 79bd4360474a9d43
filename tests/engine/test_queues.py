"""Which job is next: lanes, turns and the window of the process together."""

from __future__ import annotations

from typing import Any

import pytest

from alarm_dispatch.engine import queues as queues_module
from alarm_dispatch.engine.lanes import Lane
from alarm_dispatch.engine.queues import Queues
from alarm_dispatch.engine.window import Share
from alarm_dispatch.jobs import Job, JobState
from alarm_dispatch.limits import Circuit, Rate

from .made import callback, job, queues


def submit(to: Queues, *names: str, level: int = 2, count: int = 1, **settings: Any) -> None:
    """Put ``count`` ready jobs into the lane of each name."""
    for name in names:
        receiver = callback(name, **settings)
        for _ in range(count):
            lane = to.lane_of(receiver)
            one = job(f"{name}-{lane.pending}-{level}", level, receiver)
            assert lane.push(one)
            to.make_ready(one, lane)


def start(to: Queues, now: float = 0.0) -> list[tuple[Job, Lane, Share]]:
    """Start all that may be started, as the engine does."""
    started = []
    while (turn := to.next(now)) is not None:
        one, lane, share = turn
        one.state = JobState.IN_FLIGHT
        lane.started(now, one)
        to.window.enter(share)
        started.append(turn)
    return started


def end(to: Queues, turn: tuple[Job, Lane, Share], now: float = 0.0, *, answered: bool = True) -> None:
    """End one request for good, as the engine does."""
    one, lane, share = turn
    lane.ended(now, one, answered=answered, confirmed=answered)
    to.window.leave(share)
    lane.settle(one)
    if lane.pending:
        to.bring_back(lane)
    else:
        to.rest(lane, 0.0)


def name(turn: tuple[Job, Lane, Share]) -> str:
    """The receiver that a turn is for."""
    return turn[0].alarm_id.split("-")[0]


def answering(limit: int, *names: str, count: int = 20) -> tuple[Queues, list[tuple[Job, Lane, Share]]]:
    """Queues whose lanes have answered once and have much to send; and what is in flight."""
    to, _ = queues(limit)
    submit(to, *names)
    flying = start(to)
    while flying:
        end(to, flying.pop(0))
        flying += start(to)
    submit(to, *names, count=count)
    return to, start(to)


def test_lanes_share_the_places_of_the_process():
    """With fewer places than lanes each has its turn, not only those that came first."""
    to, flying = answering(4, *"abcdef")
    served: list[str] = []

    for _ in range(60):
        turn = flying.pop(0)
        served.append(name(turn))
        end(to, turn)
        flying += start(to)

    assert {one: served.count(one) for one in "abcdef"} == dict.fromkeys("abcdef", 10)


def test_a_fatal_alarm_takes_the_next_place_whichever_its_lane():
    """Not behind the lanes that wait for a place with less urgent ones."""
    to, flying = answering(4, *"abcdefgh")
    submit(to, "h", level=0)

    end(to, flying.pop(0))
    (turn,) = start(to)

    assert (name(turn), turn[0].level) == ("h", 0)


def test_a_place_that_one_lane_does_not_take_goes_to_the_next():
    """The first of two that wait has only superseded ones left when its turn comes."""
    to, _ = queues(2)
    submit(to, "a", "b", "c")
    (flying,) = start(to)
    submit(to, "d")
    waiting = to.lane_of(callback("b"))
    for superseded in waiting.take_out("b-0-2"):
        superseded.state = JobState.SETTLED

    end(to, flying, answered=False)

    assert [name(turn) for turn in start(to)] == ["c"]


def test_a_lane_that_answers_leaves_the_queue_of_those_that_do_not():
    """What else it has to send needs no place among the silent ones."""
    to, _ = queues(8)
    submit(to, "a", count=5)
    submit(to, "b", "c", "d", count=3)
    flying = start(to)
    assert sorted(map(name, flying)) == ["a", "b", "c", "d"]

    end(to, next(turn for turn in flying if name(turn) == "a"))

    assert [(name(turn), turn[2]) for turn in start(to)] == [("a", Share.ANSWERING)] * 4


def test_a_lane_has_its_limit():
    """And its next one goes when one has ended."""
    to, _ = queues()
    submit(to, "a", count=5, limit=2)

    first, _second = start(to)
    end(to, first)

    assert len(start(to)) == 1


def test_a_lane_without_a_place_in_its_rate_is_woken():
    """Once, at the time at which the rate lets the next one go."""
    to, wakes = queues()
    submit(to, "a", count=4, rate=Rate(2, 10))
    assert len(start(to)) == 2

    assert [when for when, _ in wakes] == [10.0]
    to.woken(wakes[0][1])

    assert len(start(to, 10.0)) == 2


def test_a_lane_whose_circuit_is_open_is_woken_for_its_probe():
    """And nothing goes beside the probe."""
    to, wakes = queues(circuit=Circuit(failures=1, pause=30))
    submit(to, "a", count=4)
    for turn in start(to):
        end(to, turn, answered=False)
    submit(to, "a", count=4)
    assert start(to, 1.0) == []

    to.woken(wakes[-1][1])

    assert len(start(to, 30.0)) == 1
    assert start(to, 30.0) == []


def test_a_callbacks_own_circuit_wins_over_the_dispatchers():
    """False is none."""
    to, _ = queues(circuit=Circuit(failures=1, pause=30))
    own = Circuit(failures=7)

    found = [to.lane_of(callback(circuit=given)).circuit for given in (None, False, own)]

    assert found == [Circuit(failures=1, pause=30), None, own]


def test_the_latest_settings_of_a_receiver_count():
    """Also when an older delivery comes back for its next attempt."""
    to, _ = queues()
    older = job("older", to=callback(limit=1))
    lane = to.lane_of(older.callback)
    lane.push(older)
    to.lane_of(callback(limit=5))

    assert to.lane_with(older) is lane
    assert lane.limit == 5


def test_idle_lanes_are_kept_up_to_a_bound(monkeypatch):
    """The one that has been idle for longest is forgotten first; one that works never."""
    monkeypatch.setattr(queues_module, "_KEPT_IDLE", 2)
    to, _ = queues()
    submit(to, "a", "b", "c", "d")
    flying = {name(turn): turn for turn in start(to)}
    for ended in "bca":
        end(to, flying[ended])

    assert [lane.name[-10:] for lane in to.lanes] == [callback(one).name[-10:] for one in "acd"]

    submit(to, "c")
    end(to, start(to)[0])
    end(to, flying["d"])

    assert [lane.key for lane in to.lanes] == [callback(one).lane for one in "cd"]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 7, 64])
def test_the_limit_of_the_process_is_never_passed(limit):
    """Whatever part of the lanes answers."""
    names = [f"r{number}" for number in range(2 * limit + 2)]
    to, _ = queues(limit)
    submit(to, *names, count=5)
    flying = start(to)

    for step in range(4 * limit + 20):
        assert len(flying) <= limit
        if not flying:
            break
        turn = flying.pop(0)
        end(to, turn, answered=int(name(turn)[1:]) % 2 == step % 3 % 2)
        flying += start(to)


def test_with_a_limit_of_one_nobody_starves():
    """There is one share then: who answers and who does not have turns alike."""
    to, _ = queues(1)
    submit(to, "good", "dead", count=5)
    flying, served = start(to), []

    while flying:
        turn = flying.pop(0)
        served.append(name(turn))
        end(to, turn, answered=name(turn) == "good")
        flying += start(to)

    assert served == ["good", "dead"] * 5


def test_a_lane_is_not_forgotten_while_its_rate_or_its_circuit_says_something(monkeypatch):
    """Beyond the number of idle lanes that are kept for nothing."""
    monkeypatch.setattr("alarm_dispatch.engine.queues._KEPT_IDLE", 2)
    to, _ = queues()
    told = {"rate": {"rate": "1/60"}, "open": {"circuit": Circuit(failures=1, pause=60)}}
    for number in range(8):
        for kind, settings in (*told.items(), ("plain", {})):
            one = job("a", to=callback(f"{kind}{number}", **settings))
            lane = to.lane_of(one.callback)
            lane.push(one)
            to.make_ready(one, lane)
            turn = to.next(0.0)
            assert turn is not None
            one.state = JobState.IN_FLIGHT
            lane.started(0.0, one)
            lane.ended(0.0, one, answered=True, confirmed=kind != "open")
            lane.settle(one)
            to.rest(lane, 0.0)

    names = [lane.name for lane in to.lanes]
    assert sum("plain" in name for name in names) <= 2
    assert sum("plain" not in name for name in names) == 16

    latest = next(lane for lane in to.lanes if "open7" in lane.name)
    for _ in range(40):
        to.rest(latest, 61.0)
    assert sum("rate" in lane.name for lane in to.lanes) == 0
    for _ in range(40):
        to.rest(latest, 100_000.0)
    assert len(list(to.lanes)) == 2
