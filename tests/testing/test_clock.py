"""The virtual clock: exact times, no waiting, and nothing jumped over that really takes time."""

import asyncio
import gc
import socket
import threading
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.testing import VirtualClock

START = datetime(2026, 1, 1, tzinfo=UTC)


def loop_time():
    return asyncio.get_running_loop().time()


def test_sleeps_end_at_their_exact_time_and_take_none():
    """Waits of 5 s and 10 s end at 5 and 15 s, within milliseconds."""
    clock = VirtualClock()
    times = []

    async def main():
        for delay in (0, 5, 10, 86_400 * 30):
            await asyncio.sleep(delay)
            times.append((loop_time(), clock.now()))

    began = time.perf_counter()
    clock.run(main())

    assert time.perf_counter() - began < 0.5
    assert [at for at, _ in times] == [0.0, 5.0, 15.0, 2_592_015.0]
    assert [now - START for _, now in times] == [timedelta(seconds=at) for at, _ in times]
    assert clock.elapsed == 2_592_015.0


def test_a_thousand_fractions_stay_exact():
    """Times of day are exact to the microsecond however many waits came before."""
    clock = VirtualClock()

    async def main():
        for _ in range(1_000):
            await asyncio.sleep(0.1)

    clock.run(main())

    assert clock.now() == START + timedelta(seconds=100)


def test_timers_fire_in_the_order_of_their_times():
    """Whatever the order they were set in, timers fire by time, and those of one time as they were set."""
    clock = VirtualClock()
    fired = []

    async def main():
        loop = asyncio.get_running_loop()
        for name, delay in (("c", 3), ("a", 1), ("b", 2), ("a2", 1)):
            loop.call_later(delay, lambda name=name: fired.append((name, loop.time())))
        loop.call_later(1.5, fired.append, "cancelled").cancel()
        await asyncio.sleep(4)

    clock.run(main())

    assert fired == [("a", 1.0), ("a2", 1.0), ("b", 2.0), ("c", 3.0)]


def test_a_timer_set_meanwhile_comes_before_a_later_one():
    """The time goes to the next timer only, so that what it starts is on time as well."""
    clock = VirtualClock()

    async def beat(interval, count, beats):
        for _ in range(count):
            await asyncio.sleep(interval)
            beats.append(loop_time())

    async def main():
        beats = []
        await asyncio.gather(beat(2, 3, beats), beat(5, 1, beats))
        return beats

    assert clock.run(main()) == [2.0, 4.0, 5.0, 6.0]


def test_timeouts_expire_on_time():
    """asyncio.timeout and timeout_at end at their deadline, not at one nearby."""
    clock = VirtualClock()

    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await asyncio.Event().wait()
        first = loop_time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout_at(7.7):
                await asyncio.sleep(3_600)
        async with asyncio.timeout(1):
            await asyncio.sleep(0.5)
        return first, loop_time()

    assert clock.run(main()) == (0.3, 8.2)


def test_far_times_do_not_spin():
    """Where a nanosecond no longer shows in a float, timers still fire."""
    clock = VirtualClock()

    async def main():
        await asyncio.sleep(86_400 * 365 * 100)
        before = loop_time()
        await asyncio.sleep(0.001)
        return loop_time() - before

    assert clock.run(main()) == pytest.approx(0.001, rel=1e-3)


def test_jobs_in_an_executor_are_not_jumped_over():
    """While a thread works for the loop, the time stands still, though timers are waiting."""
    clock = VirtualClock()
    leave = threading.Event()

    async def main():
        loop = asyncio.get_running_loop()
        timer = loop.call_later(0.001, leave.set)
        job = asyncio.create_task(asyncio.to_thread(leave.wait, 0.05))
        answer = await job
        timer.cancel()
        return answer, loop.time()

    assert clock.run(main()) == (False, 0.0)


def test_a_cancelled_job_holds_the_time_no_longer():
    """A job that nobody waits for may end when it likes."""
    clock = VirtualClock()
    leave = threading.Event()

    async def main():
        job = asyncio.get_running_loop().run_in_executor(None, leave.wait)
        job.cancel()
        await asyncio.sleep(60)
        leave.set()
        return loop_time()

    assert clock.run(main()) == 60.0


def test_shutting_the_executor_down_really_waits():
    """The end of a run waits for its threads instead of jumping to the end of asyncio's patience."""
    clock = VirtualClock()
    ended = []

    def work():
        time.sleep(0.05)  # stands for a thread that is still busy when the loop is done
        ended.append(True)

    async def main():
        asyncio.get_running_loop().run_in_executor(None, work)

    clock.run(main())

    assert ended == [True]
    assert clock.elapsed == 0.0


def test_other_threads_can_wake_the_loop():
    """Without a timer the loop waits, and a call from another thread gets through."""
    clock = VirtualClock()

    async def main():
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        thread = threading.Timer(0.01, loop.call_soon_threadsafe, (woken.set,))
        thread.start()
        await woken.wait()
        await asyncio.sleep(5)
        thread.join()
        return loop.time()

    assert clock.run(main()) == 5.0


def test_a_loop_in_its_own_thread_takes_work_from_outside():
    """A synchronous front door can run a virtual loop in a thread and hand coroutines in."""
    clock = VirtualClock()
    loop = clock.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    results = [asyncio.run_coroutine_threadsafe(asyncio.sleep(30, n), loop).result(5) for n in range(3)]
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()

    assert results == [0, 1, 2]
    assert clock.now() == START + timedelta(seconds=90)


def test_a_call_from_another_thread_comes_before_the_jump():
    """What was sent before the loop got to wait is done before the time moves, and may cancel the timer."""
    clock = VirtualClock()
    fired = []

    async def main():
        loop = asyncio.get_running_loop()
        timer = loop.call_later(60, fired.append, "timer")
        sent = threading.Event()
        threading.Thread(target=lambda: (loop.call_soon_threadsafe(timer.cancel), sent.set())).start()
        sent.wait()
        await asyncio.sleep(120)

    clock.run(main())

    assert fired == []


def test_what_is_there_to_read_comes_before_the_jump():
    """The time moves only when nothing else is to be done."""
    clock = VirtualClock()
    ours, theirs = socket.socketpair()

    async def main():
        loop = asyncio.get_running_loop()
        readable = loop.create_future()
        loop.add_reader(ours, lambda: readable.set_result((ours.recv(1), loop.time())))
        theirs.send(b"x")
        await asyncio.sleep(60)
        loop.remove_reader(ours)
        return await readable

    with ours, theirs:
        assert clock.run(main()) == (b"x", 0.0)


def test_forever_is_not_a_time_to_jump_to():
    """A timer at infinity does not take the clock there."""
    clock = VirtualClock()

    async def main():
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        loop.call_at(float("inf"), woken.set)
        threading.Timer(0.01, loop.call_soon_threadsafe, (woken.set,)).start()
        await woken.wait()
        return loop.time()

    assert clock.run(main()) == 0.0


def test_the_time_passes_on_from_run_to_run():
    """One clock serves one run after the other, and can be moved between them."""
    clock = VirtualClock(datetime(2026, 3, 1, 8, tzinfo=timezone(timedelta(hours=8))))

    clock.run(asyncio.sleep(1.5))
    clock.advance(3_600)
    clock.run(asyncio.sleep(1))

    assert clock.elapsed == 3_602.5
    assert clock.now().isoformat() == "2026-03-01T09:00:02.500000+08:00"


def test_a_timer_that_is_overdue_does_not_turn_time_back():
    """When the clock was moved past a timer, the timer fires late; the time goes on."""
    clock = VirtualClock()

    async def main():
        loop = asyncio.get_running_loop()
        timer = loop.create_future()
        loop.call_later(5, timer.set_result, None)
        clock.advance(60)
        await timer
        return loop.time()

    assert clock.run(main()) == 60.0


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_time_does_not_go_back(seconds):
    """Only forwards."""
    with pytest.raises(InvalidFieldError, match=r"^VirtualClock\.advance: "):
        VirtualClock().advance(seconds)


def test_a_naive_start_is_refused():
    """Times of day are aware, so the start must be."""
    with pytest.raises(InvalidFieldError, match=r"^VirtualClock\.start: .*tzinfo=UTC"):
        VirtualClock(datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake


def test_results_and_errors_come_out_of_run():
    """Running a coroutine gives its result, or raises what it raised, and leaves nothing open."""
    clock = VirtualClock()

    async def fail():
        await asyncio.sleep(1)
        raise LookupError("not here")

    assert clock.run(asyncio.sleep(1, "result")) == "result"
    with pytest.raises(LookupError, match="not here"):
        clock.run(fail())
    gc.collect()
