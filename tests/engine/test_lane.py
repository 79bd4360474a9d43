"""One receiver's queue by itself: order, supersede, rate and circuit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarm_dispatch.engine.lanes import CircuitState, Lane
from alarm_dispatch.jobs import Job, JobState
from alarm_dispatch.limits import Circuit, Rate

from .made import callback, job, lane

# -- the order of an alarm's deliveries


def pushed(to: Lane, *alarms: str) -> list[Job]:
    """Jobs of these alarms, put into the lane one after the other."""
    jobs = [job(alarm) for alarm in alarms]
    for one in jobs:
        if to.push(one):
            one.state = JobState.READY
    return jobs


def test_only_the_first_of_an_alarm_may_be_sent():
    """Other alarms do not wait for it."""
    one = lane()

    assert [one.push(job(alarm)) for alarm in ("a", "a", "b", "a", "b")] == [True, False, True, False, False]
    assert one.pending == 5


def test_the_others_follow_one_by_one():
    """Each comes when the one before it has settled, in the order in which they were put in."""
    one = lane()
    jobs = pushed(one, *"aaaa")

    followed = [one.settle(settled) for settled in jobs]

    assert followed == [*jobs[1:], None]
    assert one.pending == 0
    assert one.heads == {}


@settings(deadline=None)
@given(st.lists(st.sampled_from(["push a", "push b", "settle a", "settle b"]), max_size=40))
def test_the_order_is_that_of_a_list_for_each_alarm(steps):
    """Whatever comes and goes in between."""
    one, model = lane(), {"a": list[Job](), "b": list[Job]()}
    for step in steps:
        verb, alarm = step.split()
        waiting = model[alarm]
        if verb == "push":
            waiting.append(job(alarm))
            assert one.push(waiting[-1]) == (len(waiting) == 1)
        elif waiting:
            settled = waiting.pop(0)
            assert one.settle(settled) is (waiting[0] if waiting else None)

    assert sorted(map(id, one.jobs())) == sorted(id(left) for waiting in model.values() for left in waiting)
    assert one.pending == sum(map(len, model.values()))


def test_superseding_takes_out_what_is_not_in_flight():
    """The oldest first; other alarms stay."""
    one = lane()
    first, other, second = pushed(one, "a", "b", "a")

    assert one.take_out("a") == [first, second]
    assert list(one.jobs()) == [other]
    assert one.pending == 1
    assert one.push(job("a"))


def test_superseding_leaves_what_is_in_flight():
    """Its end brings the newest."""
    one = lane()
    first, second, third = pushed(one, *"aaa")
    first.state = JobState.IN_FLIGHT
    newest = job("a")

    assert one.take_out("a") == [second, third]
    assert not one.push(newest)
    assert one.settle(first) is newest
    assert one.settle(newest) is None


def test_there_may_be_nothing_to_supersede():
    """The first of its alarm."""
    assert lane().take_out("a") == []


# -- the rate


def sent_within(times: Sequence[float], period: float) -> int:
    """The most requests in any half-open span of so many seconds."""
    return max(sum(start <= time < start + period for time in times) for start in times)


def send_all(to: Lane, wanted: Sequence[float]) -> list[float]:
    """When requests go that are wanted at these times."""
    sent: list[float] = []
    now = 0.0
    for when in wanted:
        now = max(now, when)
        free = to.free_at(now)
        assert free is not None
        now = max(now, free)
        assert to.free_at(now) == now
        run(to, CONFIRMED, at=now)
        sent.append(now)
    return sent


def test_without_a_rate_all_go_at_once():
    """Nobody asked for a slower pace."""
    assert send_all(lane(), [0.0] * 5) == [0.0] * 5


def test_a_rate_counts_any_period():
    """Two in any 10 s: the third goes 10 s after the first, not at the next full period."""
    assert send_all(lane(rate=Rate(2, 10)), [0.0, 9.0, 9.0, 9.0, 30.0]) == [0.0, 9.0, 10.0, 19.0, 30.0]


@settings(deadline=None)
@given(
    count=st.integers(1, 5),
    period=st.floats(0.01, 100),
    gaps=st.lists(st.floats(0, 30), min_size=1, max_size=40),
)
def test_a_rate_is_kept_in_every_period(count, period, gaps):
    """Never more than ``count`` in any of its periods, and none waits without need."""
    wanted = [sum(gaps[: index + 1]) for index in range(len(gaps))]

    sent = send_all(lane(rate=Rate(count, period)), wanted)

    assert all(later >= before + period for before, later in zip(sent, sent[count:], strict=False))
    for index, (time, due) in enumerate(zip(sent, wanted, strict=True)):
        before = [sent[index - 1]] if index else []
        oldest = [sent[index - count] + period] if index >= count else []
        assert time == max([due, *before, *oldest])


def test_a_lower_rate_holds_at_once():
    """Twenty went in the period that is over; the new rate allows two."""
    one = lane(rate=Rate(20, 10))
    send_all(one, [0.0] * 20)

    one.adopt(callback(rate=Rate(2, 10)), None)

    assert sent_within(send_all(one, [10.0] * 6), 10) == 2


# -- the circuit

CIRCUIT = Circuit(failures=3, pause=30)
FAILED, SILENT, CONFIRMED, FAULT = (
    {"answered": True, "confirmed": False},
    {"answered": False, "confirmed": False},
    {"answered": True, "confirmed": True},
    {"answered": None, "confirmed": None},
)


def run(to: Lane, *ends: dict[str, Any], at: float = 0.0) -> None:
    """One request after the other, with these ends, each at once."""
    for end in ends:
        one = job()
        to.started(at, one)
        to.ended(at, one, **end)


@pytest.mark.parametrize(
    ("ends", "state"),
    [
        ([], "closed"),
        ([FAILED] * 2, "closed"),
        ([FAILED, FAILED, CONFIRMED, FAILED, FAILED], "closed"),
        ([FAILED, FAILED, FAULT, FAULT], "closed"),
        ([FAILED, SILENT, FAILED], "open"),
        ([FAILED, FAULT, FAILED, FAULT, SILENT], "open"),
        ([FAILED] * 5, "open"),
    ],
)
def test_a_run_of_failures_opens_the_circuit(ends, state):
    """A confirmation starts the count anew, a fault of ours does not count."""
    one = lane(circuit=CIRCUIT)

    run(one, *ends)

    assert one.circuit_state(0.0) == state


def test_without_a_circuit_nothing_opens():
    """However often it fails."""
    one = lane()

    run(one, *[FAILED] * 100)

    assert one.circuit_state(0.0) is CircuitState.OFF
    assert one.free_at(0.0) == 0.0


def open_circuit(at: float = 0.0) -> Lane:
    """A lane whose circuit has just opened."""
    one = lane(circuit=CIRCUIT)
    run(one, *[FAILED] * 3, at=at)
    return one


def test_nothing_goes_until_the_pause_is_over():
    """Then one, and no other beside it."""
    one = open_circuit()

    assert (one.free_at(29.9), one.circuit_state(29.9)) == (30.0, "open")
    assert (one.free_at(30.0), one.circuit_state(30.0)) == (30.0, "half-open")
    one.started(30.0, job())
    assert one.free_at(31.0) is None


@pytest.mark.parametrize(
    ("end", "state", "free_at"),
    [(CONFIRMED, "closed", 35.0), (FAILED, "open", 65.0), (SILENT, "open", 65.0), (FAULT, "half-open", 35.0)],
)
def test_the_probe_decides(end, state, free_at):
    """A fault of ours says nothing of the receiver, so another probe follows at once."""
    one, probe = open_circuit(), job()
    one.started(30.0, probe)

    one.ended(35.0, probe, **end)

    assert (one.circuit_state(35.0), one.free_at(35.0)) == (state, free_at)


@pytest.mark.parametrize("end", [FAILED, SILENT, FAULT])
def test_an_older_request_is_not_taken_for_the_probe(end):
    """One that went before the pause ends while the probe is out: there is still one probe only."""
    one, older, probe = lane(circuit=CIRCUIT), job(), job()
    one.started(0.0, older)
    run(one, *[FAILED] * 3)
    one.started(30.0, probe)

    one.ended(31.0, older, **end)

    assert one.free_at(100.0) is None
    one.ended(32.0, probe, **FAILED)
    assert one.free_at(32.0) == 62.0


def test_an_older_request_that_is_confirmed_closes_the_circuit():
    """The receiver is there; the probe's end changes nothing then."""
    one, older, probe = lane(circuit=CIRCUIT), job(), job()
    one.started(0.0, older)
    run(one, *[FAILED] * 3)
    one.started(30.0, probe)

    one.ended(31.0, older, **CONFIRMED)
    assert (one.circuit_state(31.0), one.free_at(31.0)) == ("closed", 31.0)
    one.ended(32.0, probe, **FAILED)

    assert one.circuit_state(32.0) == "closed"


def test_a_failure_in_the_pause_does_not_make_it_longer():
    """Those that were in flight when the circuit opened end one by one."""
    one, older = lane(circuit=CIRCUIT), job()
    one.started(0.0, older)
    run(one, *[FAILED] * 3)

    one.ended(20.0, older, **SILENT)

    assert one.free_at(20.0) == 30.0


def test_a_circuit_that_is_taken_away_holds_nothing_back():
    """Its callback's settings changed while it was open, or while its probe was out."""
    waiting, probing, probe = open_circuit(), open_circuit(), job()
    probing.started(30.0, probe)

    for one in (waiting, probing):
        one.adopt(callback(), None)
    probing.ended(31.0, probe, **FAILED)

    assert [(one.circuit_state(31.0), one.free_at(31.0)) for one in (waiting, probing)] == [("off", 31.0)] * 2


def test_a_circuit_that_stays_stays_open():
    """The same receiver, written a second time."""
    one = open_circuit()

    one.adopt(callback(circuit=CIRCUIT), CIRCUIT)

    assert one.free_at(1.0) == 30.0


def test_a_pause_holds_up_all_of_a_lane():
    """A shorter one does not end a longer one, and it is remembered while nothing is to be sent."""
    one = lane()
    for at, pause, free_at in [(0, 60.0, 60.0), (1, 5.0, 60.0), (2, None, 60.0), (3, 100.0, 103.0)]:
        one.started(at, job())
        one.ended(at, job(), answered=True, confirmed=False, pause=pause)
        assert one.free_at(at) == free_at

    assert not one.forgettable(102.0)
    assert one.free_at(104.0) == 104.0
    assert one.forgettable(103.0)


def test_a_pause_and_a_rate_hold_together():
    """The later of both counts."""
    one = lane(rate="1/50")
    one.started(0, job())
    one.ended(0, job(), answered=True, confirmed=False, pause=20.0)
    assert one.free_at(0) == 50.0
    one.started(50, job())
    one.ended(50, job(), answered=True, confirmed=False, pause=70.0)
    assert one.free_at(50) == 120.0


def test_rate_and_circuit_hold_together():
    """The probe waits for the rate as well."""
    one = lane(circuit=Circuit(failures=1, pause=1), rate=Rate(1, 60))

    run(one, FAILED)

    assert one.free_at(0.5) == 1.0
    assert one.free_at(1.0) == 60.0
