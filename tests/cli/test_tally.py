"""The counts of a storm, and how they are told."""

from datetime import UTC, datetime

import pytest

from alarm_dispatch import Attempt, Callback, Delivery, DeliveryStatus, Verdict
from alarm_dispatch.cli.tally import Tally

CALLBACK = Callback("https://ops.example.com/alarms", format="tencent")


def delivery(status=DeliveryStatus.DELIVERED):
    """A settled delivery."""
    return Delivery(id="d", alarm_id="a", callback=CALLBACK, status=status)


def attempt(verdict):
    """An attempt that ended."""
    return Attempt(number=1, started_at=datetime.now(UTC), duration=0.1, verdict=verdict)


def text(line):
    """A line without its styles."""
    return "".join(part if isinstance(part, str) else part[0] for part in line)


def told(tally, elapsed):
    """The summary as text."""
    return [text(line) for line in tally.summary(elapsed)]


def test_each_event_is_counted_once():
    """Attempts by verdict, deliveries by status."""
    tally = Tally(callbacks=1, alarms=4)

    for status in (*DeliveryStatus, DeliveryStatus.DELIVERED):
        tally.note(delivery(status))
    for verdict in (Verdict.CONFIRMED, Verdict.CONFIRMED, Verdict.UNKNOWN):
        tally.note(attempt(verdict))

    assert (tally.submitted, tally.done, tally.failed) == (4, 4, 1)
    assert told(tally, 2.0) == [
        "4 alarms, 4 deliveries in 2.0 s, 2/s",
        "delivered 2, failed 1, superseded 1",
        "attempts: confirmed 2, unknown 1",
    ]
    document = tally.document(2.0)
    assert (document["delivered"], document["failed"], document["superseded"]) == (2, 1, 1)
    assert (document["attempts"]["confirmed"], document["attempts"]["refused"]) == (2, 0)
    assert (document["seconds"], document["per_second"]) == (2.0, 2.0)


def test_nothing_at_all():
    """No time has passed, nothing is divided by it."""
    tally = Tally(callbacks=1, bad_lines=3)

    assert told(tally, 0.0) == [
        "0 alarms, 0 deliveries in 0.0 s, 0/s",
        "delivered 0, failed 0, superseded 0",
        "lines that are no alarm: 3",
    ]


@pytest.mark.parametrize(
    ("known", "total"),
    [
        ({}, None),
        ({"lines": 10}, 20),
        ({"lines": 10, "skipped": 3}, 14),
        ({"lines": 10, "skipped": 3, "alarms": 9}, 18),  # the file has grown
        ({"lines": 10, "alarms": 4, "read_to_end": True}, 8),
        ({"alarms": 4, "read_to_end": True}, 8),
    ],
)
def test_the_total(known, total):
    """From the lines of the file while it is read, from what was submitted at its end."""
    assert Tally(callbacks=2, **known).total == total


def test_the_rate_is_of_the_last_seconds():
    """A stop shows, whatever came before it."""
    tally = Tally(callbacks=1)

    assert tally.rate(0.0) == 0.0
    for _ in range(50):
        tally.note(delivery())
    assert tally.rate(5.0) == 10.0
    assert tally.rate(7.5) == pytest.approx(50 / 7.5)
    assert tally.rate(10.0) == 0.0


def test_a_line_on_the_way():
    """Done, total where it is known, rate and counts; draining once everything was read."""
    tally = Tally(callbacks=1, lines=4, alarms=1)
    tally.note(delivery())

    reading = text(tally.line(0.5))
    tally.alarms, tally.read_to_end = 4, True
    draining = text(tally.line(1.0))

    assert reading == "    0.5 s  1 of 4 done, 2/s  delivered 1, failed 0, superseded 0"
    assert draining == "    1.0 s  draining, 1 of 4 done, 1/s  delivered 1, failed 0, superseded 0"
    assert text(Tally(callbacks=1).line(1.0)).startswith("    1.0 s  0 done, 0/s")
