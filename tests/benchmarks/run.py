"""A run of the benchmarks: its sizes, its processes, its progress."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from .figures import Figure, Skipped
from .processes import Child, Cores, cores, started, uvloop_or_none
from .receiver import addresses

__all__ = ["Measure", "Receiver", "Run", "Stopwatch", "UnmeasurableError"]

_FULL_ROUNDS, _QUICK_ROUNDS = 9, 3


class Stopwatch:
    """Measures the seconds and the CPU seconds of a block."""

    def __enter__(self) -> Stopwatch:
        self._seconds, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._seconds
        self.cpu = time.process_time() - self._cpu

    def told(self, **more: Any) -> dict[str, Any]:
        """Both, as a worker's answer."""
        return {"seconds": self.seconds, "cpu": self.cpu, **more}


@frozen(kw_only=True)
class Run:
    """What measures share.  ``scale`` multiplies every count; 1 is the full size."""

    scale: float = 1.0
    rounds: int = _FULL_ROUNDS
    profile: bool = False
    quiet: bool = False
    loops: Sequence[str] = ("asyncio", "uvloop")
    cores: Cores = field(factory=cores)

    @classmethod
    def quick(cls, **fields: Any) -> Run:
        """A smaller run, for a first look."""
        return cls(scale=0.25, rounds=_QUICK_ROUNDS, **fields)

    @property
    def has_uvloop(self) -> bool:
        """Whether uvloop is installed."""
        return uvloop_or_none() is not None

    def size(self, full: int, least: int = 1) -> int:
        """A count, scaled."""
        return max(least, int(full * self.scale))

    def say(self, text: str) -> None:
        """Show progress."""
        if not self.quiet:
            print(f"  … {text}", file=sys.stderr, flush=True)

    @contextlib.contextmanager
    def receiver(self, count: int = 1) -> Iterator[Receiver]:
        """A receiver on so many loopback addresses."""
        core = "-" if self.cores.receiver is None else str(self.cores.receiver)
        with started("receiver", str(count), core) as child:
            if "error" in child.first:
                raise UnmeasurableError(child.first["error"])
            yield Receiver(child, child.first["port"], addresses(count))

    @contextlib.contextmanager
    def worker(self, role: str, *, uvloop: bool = False, **settings: Any) -> Iterator[Child]:
        """A worker on the sender's core; ``role`` is ``module:function`` of this package."""
        own = {"core": self.cores.sender, "uvloop": uvloop, "profile": self.profile and "ours" in role}
        with started("worker", role, json.dumps({**own, **settings})) as child:
            yield child

    def interleave(
        self, said: str, *, at_most: int = _FULL_ROUNDS, **sides: Callable[[], Mapping[str, Any]]
    ) -> dict[str, list[Any]]:
        """The answers of each side, in rounds A B A B …, after one round that is thrown away."""
        answers: dict[str, list[Any]] = {name: [] for name in sides}
        rounds = min(self.rounds, at_most)
        for number in range(-1, rounds):
            self.say(f"{said}, round {number + 1} of {rounds}" if number >= 0 else f"{said}, warming up")
            for name, side in sides.items():
                answer = side()
                if number >= 0:
                    answers[name].append(answer)
        return answers


class UnmeasurableError(Exception):
    """Something that the measure needs is not here."""


@frozen
class Receiver:
    """A running receiver."""

    child: Child
    port: int
    hosts: Sequence[str]

    def urls(self, path: str = "/now") -> list[str]:
        """A URL for each of its addresses."""
        return [f"http://{host}:{self.port}{path}" for host in self.hosts]

    def received(self) -> int:
        """How many requests it got so far."""
        return int(self.child.ask()["received"])

    def cpu(self) -> float:
        """The CPU seconds it took so far."""
        return float(self.child.ask()["cpu"])


Measure = Callable[[Run], Iterator[Figure | Skipped]]
