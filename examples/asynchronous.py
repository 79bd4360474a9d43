"""A hundred alarms on a running event loop; a hook counts the attempts."""

import asyncio
from collections import Counter
from pathlib import Path

import attrs

from alarm_dispatch import AlarmGroup, AsyncDispatcher, Attempt, Callback, Delivery, load_alarm
from alarm_dispatch.receiver import LoopbackServer

ALARM = load_alarm(Path(__file__).parent / "alarms" / "tencent-metric.en.json")


async def main() -> None:
    """Submit all alarms, then wait for their reports."""
    verdicts: Counter[str] = Counter()

    def count(event: Attempt | Delivery) -> None:
        if isinstance(event, Attempt):
            verdicts[str(event.verdict)] += 1

    async with LoopbackServer() as receiver, AsyncDispatcher(hooks=[count]) as dispatcher:
        group = AlarmGroup("oncall", callbacks=[Callback(receiver.url, format="tencent")])
        handles = [
            await dispatcher.submit(attrs.evolve(ALARM, id=f"alarm-{number}"), group) for number in range(100)
        ]
        reports = [await handle.result(timeout=30) for handle in handles]

    print(sum(report.ok for report in reports), "of", len(reports), "delivered")
    print(dict(verdicts))


asyncio.run(main())
