"""BlueKing's alarm callback."""

from alarm_dispatch.formats.blueking.format import CHINESE_LEVEL_NAMES, ENGLISH_LEVEL_NAMES, NAME, Format
from alarm_dispatch.formats.blueking.wire import Notice

__all__ = ["CHINESE_LEVEL_NAMES", "ENGLISH_LEVEL_NAMES", "NAME", "Format", "Notice"]
