"""What an alarm does not have, told to the author of a template that wants it."""

from __future__ import annotations

from collections.abc import Mapping

import jinja2
from jinja2.utils import missing

__all__ = ["Lacking"]


class Lacking(jinja2.StrictUndefined):
    """Jinja's own, without the paths of our classes."""

    @property
    def _undefined_message(self) -> str:
        owner = self._undefined_obj
        if self._undefined_hint or owner is missing or owner is None:
            return super()._undefined_message
        kind = "the mapping" if isinstance(owner, Mapping) else f"the {type(owner).__name__}"
        return f"{kind} has no {self._undefined_name!r}; for what only some alarms have: default, is defined"
