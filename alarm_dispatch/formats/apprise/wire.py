"""The body for Apprise: the fields in the order in which they are sent."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from alarm_dispatch.formats.fields import wire_converter

__all__ = ["Message", "converter"]


@frozen(kw_only=True)
class Message:
    """A message: ``type`` is Apprise's notify type, ``format`` what the body is written in."""

    title: str
    body: str
    type: Literal["info", "success", "warning", "failure"]
    format: Literal["text", "markdown"]


converter = wire_converter()
