"""The tracker: what it is given, what it forgets, and that a restart changes nothing."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import datetime

import pytest

from alarm_dispatch import AlarmGroup, Callback, Repeat
from alarm_dispatch.errors import InvalidFieldError, OutboxError
from alarm_dispatch.outbox import SqliteOutbox
from alarm_dispatch.repeats import MemoryRepeats, RepeatKey, RepeatTracker
from alarm_dispatch.testing import VirtualClock

from .made import EXPONENTIAL, ONCE, SIGNS, at, found, played

DAY = 86_400
WEEK = 7 * DAY


def test_the_times_of_a_week():
    """Of all modes, in minutes of evaluation, on the virtual clock."""
    clock = VirtualClock()
    modes = {
        "once": ONCE,
        "hourly": Repeat("continuousAlarm", 3_600),
        "daily": Repeat("continuousAlarm", 3_600, daily_after=DAY),
        "exponential": Repeat("exponentialAlarm"),
    }
    tracker = RepeatTracker(clock=clock)
    times: dict[str, list[float]] = {name: [] for name in modes}

    while clock.elapsed <= WEEK:
        for name, repeat in modes.items():
            alarm = found("F", repeat, id=name, started_at=VirtualClock().now())
            if (sent := tracker.observe(alarm, "oncall").alarm) is not None:
                assert sent.duration == clock.elapsed
                times[name].append(clock.elapsed)
        clock.advance(60)

    assert times == {
        "once": [0],
        "hourly": list(range(0, WEEK + 1, 3_600)),
        "daily": [*range(0, DAY, 3_600), *range(DAY, WEEK + 1, DAY)],
        "exponential": [60 * (2**power - 1) for power in range(14)],
    }


def test_each_alarm_of_each_group_is_followed_by_itself():
    """What one was told, the other was not."""
    tracker = RepeatTracker()
    group = AlarmGroup("oncall", callbacks=[Callback("https://h.example/", format="tencent")])

    first = tracker.observe(found("F"), group, now=at(0))
    same = tracker.observe(found("F"), "oncall", now=at(1))
    elsewhere = tracker.observe(found("F"), "second", now=at(2))
    another = tracker.observe(found("F", id="alarm-2"), "oncall", now=at(3))

    decisions = [one.decision for one in (first, same, elsewhere, another)]
    assert decisions == ["first", "nothing", "first", "first"]


def test_the_system_has_a_clock():
    """Without a time it is now."""
    tracker = RepeatTracker()

    sent = tracker.observe(found("F"), "oncall").alarm

    assert sent is not None
    assert abs((datetime.now(sent.evaluated_at.tzinfo) - sent.evaluated_at).total_seconds()) < 60


@pytest.mark.parametrize("min_hold", [0, 150])
@pytest.mark.parametrize("repeat", [ONCE, Repeat("continuous", 120), EXPONENTIAL])
def test_a_restart_at_every_step_changes_nothing(tmp_path, min_hold, repeat):
    """Another process opens the file before each evaluation; nothing comes early, late, or never."""
    path = tmp_path / "alarms.db"
    script = "FFFFFRFRRRRFNNFFRRRRNRRRRCFC"

    with contextlib.ExitStack() as files:

        def restarted(_tracker: RepeatTracker) -> RepeatTracker:
            outbox = SqliteOutbox(path)
            files.callback(outbox.close)
            return RepeatTracker(outbox.repeats, min_hold=min_hold)

        lived = played(RepeatTracker(min_hold=min_hold), script, repeat=repeat)
        died = played(RepeatTracker(), script, repeat=repeat, restarted=restarted)

    assert died == lived
    assert "r" in lived


@pytest.mark.parametrize("where", ["memory", "file"])
def test_what_is_not_evaluated_any_more_is_forgotten(tmp_path, where):
    """It is looked for with every so many new alarms, so that there is a bound."""
    outbox = SqliteOutbox(tmp_path / "alarms.db")
    store = MemoryRepeats() if where == "memory" else outbox.repeats
    tracker = RepeatTracker(store, keep=3_600, most=100)

    for number in range(300):
        tracker.observe(found("F", id=f"old-{number}"), "g", now=at(number))
    most = sum(store.get(RepeatKey(f"old-{number}", "g")) is not None for number in range(300))
    for number in range(64):
        tracker.observe(found("F", id=f"new-{number}"), "g", now=at(10_000))

    assert 100 <= most <= 164
    assert store.get(RepeatKey("old-299", "g")) is None
    assert tracker.observe(found("F", id="new-0"), "g", now=at(10_001)).alarm is None
    outbox.close()


def test_what_finds_nothing_new_is_not_written(tmp_path):
    """But for a sign of life now and then, so that it is not forgotten; and each one that counts."""
    outbox = SqliteOutbox(tmp_path / "alarms.db")
    tracker = RepeatTracker(outbox.repeats, keep=8_000)

    def seen(repeat: Repeat, evaluations: int) -> list[float]:
        times = []
        for number in range(evaluations):
            tracker.observe(found("F", repeat), str(repeat), now=at(number * 100))
            state = outbox.repeats.get(RepeatKey("alarm-1", str(repeat)))
            times.append((state.seen_at - at(0)).total_seconds())
        return sorted(set(times))

    assert seen(ONCE, 25) == [0, 1_000, 2_000]
    assert seen(EXPONENTIAL, 4) == [0, 100, 200, 300]
    outbox.close()


def test_what_is_over_is_not_kept():
    """Only what is unresolved takes room."""
    store = MemoryRepeats()
    tracker = RepeatTracker(store)

    for number in range(100):
        played(tracker, "FRRF" if number == 7 else "FRRR", group=f"group-{number}")

    assert len(store) == 1


def test_keep_for_ever():
    """Longer than there is a calendar is allowed."""
    assert played(RepeatTracker(keep=1e300), "FFR") == "1.r"


def test_a_damaged_row_counts_as_not_known(tmp_path):
    """The alarm is told once more rather than never again."""
    outbox = SqliteOutbox(tmp_path / "alarms.db")
    tracker = RepeatTracker(outbox.repeats)
    played(tracker, "FF")
    with contextlib.closing(sqlite3.connect(tmp_path / "alarms.db")) as connection, connection:
        connection.execute("UPDATE alarm_dispatch_repeat SET told = 7, level = x'00'")

    assert played(tracker, "FFR", since=300) == "1.r"
    outbox.close()


def test_a_file_that_cannot_be_written(tmp_path):
    """It is told, and nothing has changed."""
    outbox = SqliteOutbox(tmp_path / "alarms.db", busy_timeout=0)
    tracker = RepeatTracker(outbox.repeats)
    played(tracker, "F")

    with contextlib.closing(sqlite3.connect(tmp_path / "alarms.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OutboxError):
            tracker.observe(found("R"), "oncall", now=at(60))
        other.rollback()

    assert SIGNS[tracker.observe(found("R"), "oncall", now=at(120)).decision] == "r"
    outbox.close()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"min_hold": -1}, r"RepeatTracker\.min_hold: must be at least 0, not -1"),
        ({"keep": "long"}, r"RepeatTracker\.keep: must be an int or a float, not str"),
        ({"most": 0}, r"RepeatTracker\.most: must be at least 1, not 0"),
        ({"most": 1.5}, r"RepeatTracker\.most: must be an integer"),
        ({"store": {}}, r"RepeatTracker\.store: must keep repeats; a dict does not"),
        ({"store": MemoryRepeats}, r"RepeatTracker\.store: must keep repeats; a MemoryRepeats does not"),
    ],
)
def test_a_wrong_setting(settings, told):
    """It is told by its name."""
    with pytest.raises(InvalidFieldError, match=told):
        RepeatTracker(**settings)


@pytest.mark.parametrize(
    ("alarm", "group", "now", "told"),
    [
        ("alarm-1", "g", at(0), r"observe\.alarm: must be an Alarm, not str"),
        (found(), 7, at(0), r"observe\.group: must be an AlarmGroup or str, not int"),
        (found(), "", at(0), r"observe\.group: must not be empty"),
        (found(), "g", datetime(2026, 1, 31), r"observe\.now: is a naive datetime"),  # noqa: DTZ001
    ],
)
def test_a_wrong_argument(alarm, group, now, told):
    """It is told by its name."""
    with pytest.raises(InvalidFieldError, match=told):
        RepeatTracker().observe(alarm, group, now=now)
