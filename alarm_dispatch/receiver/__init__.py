"""A receiver that answers by a script: for trying things out, and for tests."""

from alarm_dispatch.receiver.received import ReceivedRequest
from alarm_dispatch.receiver.script import Script, ScriptLike, Step, StepKind, StepLike, as_script, as_step
from alarm_dispatch.receiver.server import LoopbackServer

__all__ = [
    "LoopbackServer",
    "ReceivedRequest",
    "Script",
    "ScriptLike",
    "Step",
    "StepKind",
    "StepLike",
    "as_script",
    "as_step",
]
