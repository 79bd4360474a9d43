"""A worker process: plays one role of a benchmark, in bursts, whenever it is asked to."""

from __future__ import annotations

import asyncio
import cProfile
import gc
import importlib
import io
import json
import pstats
import sys
from contextlib import AbstractAsyncContextManager
from typing import Any

from .processes import pin, raise_file_limit, uvloop_or_none

_PROFILE_LINES = 35
_PATIENCE = 300.0  # seconds after which a burst will never end


async def _serve(role: AbstractAsyncContextManager[Any], profile: cProfile.Profile | None) -> None:
    loop = asyncio.get_running_loop()
    async with role as burst:
        print("{}", flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            gc.collect()
            if profile is not None:
                profile.enable()
            async with asyncio.timeout(_PATIENCE):
                told = await burst(**json.loads(line))
            if profile is not None:
                profile.disable()
            print(json.dumps(told), flush=True)


def _main() -> None:
    role, settings = sys.argv[1], json.loads(sys.argv[2])
    pin(settings.pop("core"))
    raise_file_limit()
    uvloop = uvloop_or_none() if settings.pop("uvloop") else None
    profile = cProfile.Profile() if settings.pop("profile") else None
    module, _, name = role.partition(":")
    make = getattr(importlib.import_module(f"{__package__}.{module}"), name)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if uvloop else None) as runner:
        runner.run(_serve(make(**settings), profile))
    if profile is not None:
        text = io.StringIO()
        pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(_PROFILE_LINES)
        print(f"profile of {role} {sys.argv[2]}\n{text.getvalue()}", file=sys.stderr)


if __name__ == "__main__":
    _main()
