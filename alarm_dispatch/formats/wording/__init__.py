"""How an alarm is told to people, in English and Chinese, for the formats that people read."""

from alarm_dispatch.formats.wording.told import Fact, facts, headline, state_text
from alarm_dispatch.formats.wording.words import FactName, Language, as_language
from alarm_dispatch.formats.wording.zones import as_zone, time_text

__all__ = [
    "Fact",
    "FactName",
    "Language",
    "as_language",
    "as_zone",
    "facts",
    "headline",
    "state_text",
    "time_text",
]
