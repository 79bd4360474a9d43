"""A receiver that does harm: what it can do, by name, and the server that does it."""

from alarm_dispatch.receiver.hostile.catalogue import CATALOGUE
from alarm_dispatch.receiver.hostile.play import Hostility, Play, Stage
from alarm_dispatch.receiver.hostile.server import HostileServer

__all__ = ["CATALOGUE", "HostileServer", "Hostility", "Play", "Stage"]
