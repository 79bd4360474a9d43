"""The verification of a callback's URL: one request, and an answer within the vendor's 5 s."""

from __future__ import annotations

import asyncio
import time

import pytest

from alarm_dispatch import AsyncDispatcher, Callback, Delivery, Dispatcher

from .alarms import URL, group, numbered


@pytest.mark.parametrize("name", ["aliyun", "blueking", "tencent", "tencent_legacy"])
@pytest.mark.parametrize(("step", "status"), [(200, "delivered"), (201, "failed"), (500, "failed")])
def test_200_means_verified(virtual_clock, memory_receiver, name, step, status):
    """Whatever a vendor's format confirms its alarms with, its URL is verified by 200, in one attempt."""
    receiver = memory_receiver(step)

    async def main() -> Delivery:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            return await dispatcher.verify(Callback(URL, format=name))

    delivery = virtual_clock.run(main())

    assert delivery.status == status
    assert delivery.alarm_id == ""
    assert len(delivery.attempts) == len(receiver.requests) == 1
    assert receiver.requests[0].method == "POST"


def test_a_silent_receiver_is_not_verified_after_5_seconds(virtual_clock, memory_receiver):
    """Not even behind deliveries that hang in the same lane."""
    receiver = memory_receiver("timeout")

    async def main() -> Delivery:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            one_group = group(limit=1)
            for number in range(3):
                await dispatcher.submit(numbered(number), one_group)
            return await dispatcher.verify(one_group.callbacks[0])

    started = virtual_clock.elapsed
    delivery = virtual_clock.run(main())

    assert delivery.attempts[0].duration == 5.0
    assert delivery.attempts[0].verdict == "unknown"
    assert started == 0.0


def test_a_silent_receiver_answers_in_real_time_too(loopback_receiver):
    """On a real socket: no more than 5 s and the time to tell."""
    receiver = loopback_receiver("timeout")
    started = time.monotonic()

    with Dispatcher() as dispatcher:
        delivery = dispatcher.verify(Callback(receiver.url, format="tencent"))

    assert not delivery.ok
    assert 4.9 < time.monotonic() - started < 5.5


def test_a_format_whose_verification_raises_fails_it(virtual_clock, memory_receiver):
    """The error is the delivery's, and nothing is sent."""
    from .test_faults import _Broken

    receiver = memory_receiver(200)

    async def main() -> Delivery:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            return await dispatcher.verify(Callback(URL, format=_Broken(ZeroDivisionError("broken"))))

    delivery = virtual_clock.run(main())

    assert isinstance(delivery.error, ZeroDivisionError)
    assert receiver.requests == ()


def test_what_is_no_callback_is_misuse(virtual_clock, memory_receiver):
    """A URL alone has no format."""

    async def main() -> None:
        async with AsyncDispatcher(
            transport=memory_receiver(200).transport, clock=virtual_clock
        ) as dispatcher:
            with pytest.raises(TypeError, match="callback must be of type Callback, not str"):
                await dispatcher.verify(URL)  # type: ignore[arg-type]

    virtual_clock.run(main())


def test_a_verification_ends_with_the_dispatcher(virtual_clock, memory_receiver):
    """Closing cuts it off like any request in flight."""

    async def main() -> Delivery:
        transport = memory_receiver("timeout").transport
        dispatcher = AsyncDispatcher(transport=transport, clock=virtual_clock)
        task = asyncio.create_task(dispatcher.verify(Callback(URL, format="tencent")))
        await asyncio.sleep(1)
        await dispatcher.close(timeout=0)
        return await task

    delivery = virtual_clock.run(main())

    assert virtual_clock.elapsed == 1.0
    assert not delivery.ok
