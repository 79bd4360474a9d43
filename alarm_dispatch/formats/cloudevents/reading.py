"""Which event a request holds, whichever way it was sent: for receivers and their tests."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping

from alarm_dispatch.errors import ParseError
from alarm_dispatch.formats.cloudevents.headers import attributes_in
from alarm_dispatch.formats.cloudevents.wire import EVENT_TYPE, NAME, Event, converter
from alarm_dispatch.formats.fields import JSON_TYPE, read_json, structured
from alarm_dispatch.formats.texts import is_json, media_type

__all__ = ["read_event"]


def read_event(content: bytes, headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> Event:
    """The event of a request with this body and these headers, in either mode.

    Raises :class:`~alarm_dispatch.errors.ParseError`.
    """
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    content_type = next((value for name, value in pairs if name.lower() == "content-type"), "")
    if media_type(content_type) == EVENT_TYPE:
        # What the event says of itself counts, wherever its content type is told too.
        return structured(converter, read_json(content, JSON_TYPE, NAME), Event, NAME)
    try:
        attributes: dict[str, object] = {**attributes_in(pairs), "datacontenttype": content_type or None}
        attributes.update(_data(content, content_type))
    except ValueError as error:
        raise ParseError(NAME, [("$", str(error))]) from error
    except RecursionError:
        raise ParseError(NAME, [("$", "is nested too deeply")]) from None
    return structured(converter, attributes, Event, NAME)


def _data(content: bytes, content_type: str) -> dict[str, object]:
    if is_json(content_type):
        try:
            return {"data": json.loads(content)}
        except ValueError as error:
            raise ValueError(f"the data is not JSON: {error}") from error
    try:
        return {"data": content.decode()}
    except UnicodeDecodeError:
        return {"data_base64": base64.b64encode(content).decode()}
