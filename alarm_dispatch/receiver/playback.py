"""How far each receiver has come in its script."""

from __future__ import annotations

from collections.abc import Mapping

from alarm_dispatch.receiver.script import Script, ScriptLike, Step, as_script

__all__ = ["Playback"]


class Playback:
    """The next step for each receiver, where a receiver is a URL or a path.

    Each receiver plays its script from the start: its own of ``scripts``, else the common one.
    """

    def __init__(self, script: ScriptLike, scripts: Mapping[str, ScriptLike] | None = None) -> None:
        self._common = as_script(script)
        self._own = {receiver: as_script(own) for receiver, own in (scripts or {}).items()}
        self._played: dict[str, int] = {}

    @property
    def scripts(self) -> tuple[Script, ...]:
        """Every script that may be played."""
        return (self._common, *self._own.values())

    def next(self, receiver: str) -> Step:
        """The step for this request of the receiver."""
        script = self._own.get(receiver, self._common)
        if len(script.steps) == 1 and script.then is None:
            # Always the same step, so that a load test with a URL per request leaves nothing behind.
            return script.steps[0]
        index = self._played.get(receiver, 0)
        self._played[receiver] = index + 1
        return script.step(index)
