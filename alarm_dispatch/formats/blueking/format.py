"""BlueKing's format: its options, its delivery rules, its bodies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast
from urllib.parse import parse_qsl

from attrs import field, frozen

from alarm_dispatch import values
from alarm_dispatch.confirmation import status_is
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.formats.base import (
    BuildContext,
    DeliveryRules,
    Dialect,
    Payload,
    Verification,
    as_dialect,
)
from alarm_dispatch.formats.blueking import wire
from alarm_dispatch.formats.blueking.build import NAME, notice
from alarm_dispatch.formats.fields import json_payload, json_verification, read_json, structured
from alarm_dispatch.model import Alarm, Level
from alarm_dispatch.schedule import RetrySchedule
from alarm_dispatch.values import JsonObject

__all__ = ["CHINESE_LEVEL_NAMES", "ENGLISH_LEVEL_NAMES", "NAME", "Format"]

_RULES = DeliveryRules(
    timeout=3.0, schedule=RetrySchedule(attempts=3, delays=(5, 10)), confirmation=status_is(200)
)


def _level_names(value: Mapping[Level, str] | Mapping[str, str]) -> Mapping[Level, str]:
    field_name = "Format.level_names"
    if not isinstance(value, Mapping):
        raise InvalidFieldError(field_name, f"must be a mapping, not {type(value).__name__}")
    given: dict[str, str] = {
        values.enum_member(Level, level, field_name): values.check_text(name, f"{field_name}[{level!r}]")
        for level, name in value.items()
    }
    # A JsonObject keeps the format hashable; its keys are Levels because a Level is a text.
    return cast("Mapping[Level, str]", JsonObject({**_ENGLISH, **given}))


_ENGLISH: dict[str, str] = {Level.FATAL: "fatal", Level.WARNING: "warning", Level.INFO: "remind"}

ENGLISH_LEVEL_NAMES = _level_names(_ENGLISH)
"""The level names of the document."""

CHINESE_LEVEL_NAMES = _level_names({Level.FATAL: "致命", Level.WARNING: "预警", Level.INFO: "提醒"})
"""The level names of a Chinese installation."""


@frozen(kw_only=True)
class Format:
    """BlueKing's alarm callback, a JSON body.

    ``level_names`` are the texts sent as ``event.level_name``, by :class:`~alarm_dispatch.model.Level` or
    its text; a level not given keeps its English name.  They are an option because the names differ
    between BlueKing's releases.

    Delivery, from the BlueKing document: 3 s for an attempt, a second one 5 s and a third 10 s later,
    confirmed by status 200.  Raises :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """

    dialect: Dialect = field(default=Dialect.DOCUMENTED, converter=as_dialect)
    level_names: Mapping[Level, str] = field(default=ENGLISH_LEVEL_NAMES, converter=_level_names)

    @property
    def name(self) -> str:
        """``blueking``."""
        return NAME

    @property
    def rules(self) -> DeliveryRules:
        """The same in both dialects: BlueKing's own sender compared the status with 200 exactly."""
        return _RULES

    def build(self, alarm: Alarm, context: BuildContext) -> Payload:
        """The JSON body; in the observed dialect it begins with the query arguments of ``context.url``.

        Raises :class:`~alarm_dispatch.errors.BuildError` for an event, for a missing value, and for an id
        that is no integer where BlueKing has integers.
        """
        observed = self.dialect is Dialect.OBSERVED
        arguments = _query_arguments(context.url) if observed else None
        body = notice(alarm, self.level_names, arguments, observed=observed)
        return json_payload(wire.converter.unstructure(body))

    def parse(self, content: bytes, content_type: str) -> wire.Notice:
        """The notice in a body of either dialect; raises :class:`~alarm_dispatch.errors.ParseError`."""
        return structured(wire.converter, read_json(content, content_type, NAME), wire.Notice, NAME)

    def verification(self, context: BuildContext) -> Verification:  # noqa: ARG002 - the same for every URL
        """A POST of an empty JSON object."""
        return json_verification()


def _query_arguments(url: str) -> dict[str, str] | None:
    query = url.partition("#")[0].partition("?")[2]
    return dict(parse_qsl(query, keep_blank_values=True)) or None
