"""Any sequence of evaluations is told as one that is simple enough to believe tells it, restarts or not."""

from __future__ import annotations

import tempfile
from pathlib import Path

from attrs import define, field
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from alarm_dispatch import Repeat
from alarm_dispatch.outbox import SqliteOutbox
from alarm_dispatch.repeats import RepeatTracker

from .made import SIGNS, at, found

REPEATS = {
    "once": Repeat(),
    "often": Repeat("continuous", 60),
    "daily": Repeat("continuous", 60, daily_after=300),
    "exponential": Repeat("exponential"),
}
GROUPS = ["oncall", "second"]


@define
class History:
    """All evaluations of an alarm since its last end was told, and what was told: nothing is counted on."""

    repeat: Repeat
    hold: float
    seen: list[tuple[float, str]] = field(factory=list)
    told: list[tuple[float, str]] = field(factory=list)

    def evaluate(self, now: float, state: str) -> str:
        """The sign of what is to be told."""
        self.seen.append((now, state))
        sign = self._sign(now, state)
        if sign == "r":
            self.seen, self.told = [], []
        elif sign != ".":
            self.told.append((now, sign))
        return sign

    def _sign(self, now: float, state: str) -> str:
        last = self.told[-1][1] if self.told else ""
        fired = [time for time, found in self.seen if found == "F"]
        if state == "N":
            return "." if last == "n" else "n"
        if state == "F":
            if not any(sign in "1+" for _, sign in self.told):
                return "1"
            return "+" if last == "n" or self._due(now, fired) else "."
        if not self.told:
            self.seen = []  # nobody was told of it
            return "."
        return "r" if state == "C" or now - self._over_since() >= self.hold else "."

    def _over_since(self) -> float:
        since = self.seen[-1][0]
        for time, state in reversed(self.seen):
            if state not in "RC":
                break
            since = time
        return since

    def _due(self, now: float, fired: list[float]) -> bool:
        if self.repeat.mode == "once":
            return False
        if self.repeat.mode == "exponential":
            return len(fired) in {2**power for power in range(20)}
        told = self.told[-1][0]
        daily = self.repeat.daily_after is not None and told - fired[0] >= self.repeat.daily_after
        return now - told >= (86_400 if daily else self.repeat.period)


class Repeats(RuleBasedStateMachine):
    """A tracker that lives, one on a file that is opened anew for every evaluation, and the histories."""

    @initialize(hold=st.sampled_from([0, 60, 100]))
    def begin(self, hold: float) -> None:
        """Nothing is known."""
        self.hold = hold
        self.now = 0.0
        self.folder = tempfile.TemporaryDirectory()
        self.living = RepeatTracker(min_hold=hold)
        self.histories = {
            (name, group): History(repeat, hold) for name, repeat in REPEATS.items() for group in GROUPS
        }

    @rule(seconds=st.sampled_from([0.25, 30, 60, 300, 86_400]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    @rule(
        name=st.sampled_from([*REPEATS]),
        group=st.sampled_from(GROUPS),
        state=st.sampled_from("FFFRRNC"),
        times=st.integers(1, 3),
    )
    def evaluate(self, name: str, group: str, state: str, times: int) -> None:
        """An alarm is found in a state, a few times in a row."""
        for _ in range(times):
            alarm = found(state, REPEATS[name], id=name, started_at=at(self.now))
            expected = self.histories[name, group].evaluate(self.now, state)
            outbox = SqliteOutbox(Path(self.folder.name) / "alarms.db")
            reopened = RepeatTracker(outbox.repeats, min_hold=self.hold)

            lived = self.living.observe(alarm, group, now=at(self.now))
            died = reopened.observe(alarm, group, now=at(self.now))

            outbox.close()
            assert SIGNS[lived.decision] == expected
            assert died == lived
            self.now += 30

    def teardown(self) -> None:
        """The file goes."""
        if hasattr(self, "folder"):
            self.folder.cleanup()


TestRepeats = Repeats.TestCase
TestRepeats.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
