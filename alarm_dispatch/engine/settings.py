"""What an engine goes by, for as long as it lives."""

from __future__ import annotations

import random
from collections.abc import Callable

from attrs import frozen

from alarm_dispatch.clock import Clock
from alarm_dispatch.delivery import Delivery
from alarm_dispatch.engine.backlog import Backlog
from alarm_dispatch.engine.keeping import KeepingSettings
from alarm_dispatch.exchange import Attempt
from alarm_dispatch.limits import Circuit

__all__ = ["EngineSettings", "Hook"]

Hook = Callable[[Attempt | Delivery], None]
"""Is told of each attempt when it ended and of each delivery when it settled, on the engine's thread."""


@frozen(kw_only=True)
class EngineSettings:
    """What an engine goes by; ``limit`` is of requests in flight, ``max_retry_after`` in seconds.

    ``keeping`` is None for an engine without an outbox.  ``own_loop`` says that nobody else has tasks on the
    event loop, or ends it.
    """

    clock: Clock
    rng: random.Random
    backlog: Backlog
    hooks: tuple[Hook, ...]
    limit: int
    circuit: Circuit | None
    max_retry_after: float
    keeping: KeepingSettings | None = None
    own_loop: bool = False
