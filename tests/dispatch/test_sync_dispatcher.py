"""The synchronous dispatcher: in running loops, from many threads, after a fork, at an interrupt."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from alarm_dispatch import Callback, Dispatcher
from alarm_dispatch.errors import (
    DispatcherClosedError,
    ForkedProcessError,
    InvalidFieldError,
    WrongThreadError,
)
from alarm_dispatch.request_headers import OWN_COUNT

from ..paths import ROOT
from .alarms import METRIC_ALARM, URL, group, numbered


def test_dispatch_waits_until_all_is_settled(virtual_clock, memory_receiver):
    """The same schedule as the asynchronous one, without a loop of the caller's."""
    receiver = memory_receiver("500,500,200")

    with Dispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
        report = dispatcher.dispatch(METRIC_ALARM, group())

    assert report.ok
    receiver.assert_arrivals([0, 5, 15])


def test_submit_returns_a_handle(virtual_clock, memory_receiver):
    """Its result is the report."""
    with Dispatcher(transport=memory_receiver(200).transport, clock=virtual_clock) as dispatcher:
        handle = dispatcher.submit(METRIC_ALARM, group())
        report = handle.result(timeout=30)

    assert handle.done()
    assert report.ok
    assert report.group == "oncall"


def test_a_handle_times_out_while_the_delivery_goes_on(loopback_receiver):
    """On a real socket, since the wait is the caller's."""
    receiver = loopback_receiver("timeout")
    with Dispatcher() as dispatcher:
        handle = dispatcher.submit(METRIC_ALARM, group(receiver.url))
        receiver.wait_for(1, timeout=5)
        with pytest.raises(TimeoutError):
            handle.result(timeout=0)
        dispatcher.close(timeout=0)
        assert isinstance(handle.result().deliveries[0].error, DispatcherClosedError)


def test_it_works_inside_a_running_event_loop(memory_receiver):
    """It blocks that loop, as any synchronous call does, and comes back."""

    async def main() -> bool:
        with Dispatcher(transport=memory_receiver(200).transport) as dispatcher:
            return dispatcher.dispatch(METRIC_ALARM, group()).ok

    assert asyncio.run(main())


def test_it_works_from_many_threads(memory_receiver):
    """Every thread gets its own reports, and one loop thread serves them all."""
    receiver = memory_receiver(200)
    before = threading.active_count()

    with Dispatcher(transport=receiver.transport) as dispatcher, ThreadPoolExecutor(16) as threads:
        reports = list(threads.map(lambda n: dispatcher.dispatch(numbered(n), group()), range(200)))
        assert threading.active_count() <= before + 1 + 16

    assert all(report.ok for report in reports)
    assert [report.alarm_id for report in reports] == [f"alarm-{number}" for number in range(200)]
    assert len({report.deliveries[0].id for report in reports}) == 200
    assert threading.active_count() == before


def test_it_starts_by_itself_and_only_once(memory_receiver):
    """Without a with block the first call starts it."""
    dispatcher = Dispatcher(transport=memory_receiver(200).transport)
    before = threading.active_count()

    assert dispatcher.dispatch(METRIC_ALARM, group()).ok
    assert dispatcher.dispatch(METRIC_ALARM, group()).ok

    assert threading.active_count() == before + 1
    dispatcher.close()
    assert threading.active_count() == before


def test_a_dispatcher_that_was_never_used_closes(memory_receiver):
    """There is nothing to end."""
    dispatcher = Dispatcher(transport=memory_receiver(200).transport)

    dispatcher.close()
    dispatcher.close()

    with pytest.raises(DispatcherClosedError):
        dispatcher.submit(METRIC_ALARM, group())


def test_a_blocking_call_from_its_own_thread_is_refused(memory_receiver):
    """A hook may submit, but not wait for itself."""
    caught: list[BaseException] = []
    handles: list[Any] = []

    def hook(_event: object) -> None:
        if handles:
            return
        handles.append(dispatcher.submit(numbered(2), group()))
        for call in (
            lambda: dispatcher.dispatch(METRIC_ALARM, group()),
            lambda: dispatcher.verify(group().callbacks[0]),
            dispatcher.close,
            handles[0].result,
        ):
            try:
                call()
            except WrongThreadError as error:
                caught.append(error)

    with Dispatcher(transport=memory_receiver(200).transport, hooks=[hook]) as dispatcher:
        assert dispatcher.dispatch(METRIC_ALARM, group()).ok
        assert handles[0].result(timeout=10).ok

    assert len(caught) == 4


def test_closing_from_another_thread_while_submitting_leaves_no_handle_without_end(memory_receiver):
    """Each submit either raises or gets a result."""
    dispatcher = Dispatcher(transport=memory_receiver(200).transport)
    started = threading.Barrier(5)
    ends: list[str] = []

    def submit_many() -> None:
        started.wait()
        for number in range(200):
            try:
                handle = dispatcher.submit(numbered(number), group())
            except DispatcherClosedError:
                ends.append("refused")
                return
            ends.append(handle.result(timeout=10).deliveries[0].status)

    threads = [threading.Thread(target=submit_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    started.wait()
    dispatcher.close()
    for thread in threads:
        thread.join(20)

    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"transport": "httpx"}, "transport"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": -1.5}, "timeout"),
        ({"schedule": 3}, "schedule"),
        ({"confirmation": 200}, "confirmation"),
    ],
)
def test_wrong_settings_are_told_at_construction(settings, field):
    """Not at the first alarm."""
    with pytest.raises(InvalidFieldError, match=field):
        Dispatcher(**settings)


def fork_and_run(child: Callable[[], bool]) -> int:
    """Run ``child`` in a forked process and return its exit status; it is ended after 20 s."""
    with warnings.catch_warnings():
        # Python warns of just what is tested here: a fork with threads.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if child() else 2
        finally:
            os._exit(code)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        threading.Event().wait(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise AssertionError("the child process hangs")


def test_after_a_fork_the_child_has_a_dispatcher_of_its_own(loopback_receiver):
    """It delivers over its own connections, and the parent's go on."""
    receiver = loopback_receiver("confirm")
    with Dispatcher() as dispatcher:
        assert dispatcher.dispatch(METRIC_ALARM, group(receiver.url)).ok

        status = fork_and_run(lambda: dispatcher.dispatch(METRIC_ALARM, group(receiver.url)).ok)

        assert status == 0
        assert dispatcher.dispatch(METRIC_ALARM, group(receiver.url)).ok
    assert len(receiver.requests) == 3


def test_after_a_fork_the_parents_handles_are_the_parents(loopback_receiver):
    """In the child they raise instead of waiting for ever; closing there harms nothing here."""
    receiver = loopback_receiver("delay:0.5:200")

    def child() -> bool:
        try:
            handle.result()
        except ForkedProcessError:
            dispatcher.close()
            return True
        return False

    with Dispatcher() as dispatcher:
        handle = dispatcher.submit(METRIC_ALARM, group(receiver.url))
        receiver.wait_for(1, timeout=5)

        assert fork_and_run(child) == 0
        assert handle.result(timeout=10).ok
    assert len(receiver.requests) == 1


def test_a_fork_while_another_thread_holds_the_lock_does_not_hang(memory_receiver):
    """The child gets a lock of its own."""
    dispatcher = Dispatcher(transport=memory_receiver(200).transport)
    with dispatcher._lock:
        status = fork_and_run(lambda: dispatcher.dispatch(METRIC_ALARM, group()).ok)
    dispatcher.close()

    assert status == 0


_INTERRUPTED = """
import signal
import sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background may ignore it
from alarm_dispatch import Dispatcher
from tests.dispatch.alarms import METRIC_ALARM, group
with Dispatcher() as dispatcher:
    handles = [dispatcher.submit(METRIC_ALARM, group(url)) for url in sys.argv[1:]]
    try:
        for handle in handles:
            handle.result()
    except KeyboardInterrupt:
        dispatcher.close(timeout=0)
        print([handle.result().deliveries[0].outcome for handle in handles], flush=True)
        raise
"""


def test_an_interrupt_ends_it_while_deliveries_wait(loopback_receiver):
    """Ctrl-C: one request hangs, one waits for its retry, and the process ends in no time."""
    hanging, retrying = loopback_receiver("timeout"), loopback_receiver("500")
    with subprocess.Popen(
        [sys.executable, "-c", _INTERRUPTED, hanging.url, retrying.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        try:
            hanging.wait_for(1, timeout=20)
            retrying.wait_for(1, timeout=20)
            started = time.monotonic()
            process.send_signal(signal.SIGINT)
            told, trouble = process.communicate(timeout=10)
        finally:
            process.kill()

    assert time.monotonic() - started < 3
    assert process.returncode != 0
    assert told.count("DispatcherClosedError") == 2
    assert "KeyboardInterrupt" in trouble


def test_a_callback_is_shown_without_its_secrets(memory_receiver):
    """Reports, reprs and errors show the redacted URL."""
    secret = "https://user:hunter2@receiver.example/?key=s3cret"
    transport = memory_receiver(500).transport

    with Dispatcher(transport=transport, schedule=None) as dispatcher:
        delivery = dispatcher.verify(Callback(secret, format="tencent"))

    shown = f"{delivery!r} {delivery.callback} {delivery.outcome} {transport.requests[0].request!r}"
    assert "hunter2" not in shown
    assert "s3cret" not in shown
    assert transport.requests[0].request.url == "https://receiver.example/?key=s3cret"
    assert ("Authorization", "Basic dXNlcjpodW50ZXIy") in transport.requests[0].request.headers


def test_a_callbacks_headers_are_sent(memory_receiver):
    """They win over the user agent of the library."""
    receiver = memory_receiver(200)
    headers = {"X-Team": "database", "user-agent": "monitor/1"}

    with Dispatcher(transport=receiver.transport) as dispatcher:
        dispatcher.dispatch(METRIC_ALARM, group(URL, headers=headers))

    sent = receiver.transport.requests[0].request.headers[:-OWN_COUNT]
    assert dict(sent) == {"Content-Type": "application/json", "user-agent": "monitor/1", "X-Team": "database"}


def test_forgetting_the_parents_thread_leaves_a_working_dispatcher(memory_receiver):
    """What the child process does after a fork, here in the parent, where it can be measured."""
    import alarm_dispatch.dispatcher.synchronous as module

    dispatcher = Dispatcher(transport=memory_receiver(200).transport)
    assert dispatcher.dispatch(METRIC_ALARM, group()).ok
    parents = dispatcher._thread

    module._forget_parents_threads()

    assert dispatcher._thread is None
    assert dispatcher.dispatch(METRIC_ALARM, group()).ok
    dispatcher.close()
    assert parents is not None
    parents.stop()


def test_a_handle_cannot_be_waited_for_in_a_hook_while_closing(loopback_receiver):
    """The thread that closes is still the dispatcher's own."""
    receiver = loopback_receiver("timeout")
    caught: list[BaseException] = []

    def hook(_event: object) -> None:
        try:
            handles[1].result()
        except WrongThreadError as error:
            caught.append(error)

    dispatcher = Dispatcher(hooks=[hook])
    handles = [dispatcher.submit(numbered(number), group(receiver.url, limit=1)) for number in range(2)]
    receiver.wait_for(1, timeout=5)
    dispatcher.close(timeout=0)

    assert caught


def test_a_class_is_no_transport():
    """It has the method, but nobody to call it on."""
    from alarm_dispatch.transports.httpx import HttpxTransport

    with pytest.raises(InvalidFieldError, match="is the class HttpxTransport"):
        Dispatcher(transport=HttpxTransport)  # type: ignore[arg-type]
