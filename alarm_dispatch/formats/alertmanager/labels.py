"""Which names labels and annotations have: valid ones, and never two values under one name."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping

from attrs import field, frozen

from alarm_dispatch.errors import UnsuitableFieldError
from alarm_dispatch.formats.alertmanager.wire import NAME

__all__ = ["NamedTexts", "label_name"]

# Prometheus' data model: [a-zA-Z_][a-zA-Z0-9_]*, and two underscores at the beginning are Prometheus' own.
_NOT_ALLOWED = re.compile(r"[^a-zA-Z0-9_]")
_RESERVED = re.compile(r"^_{2,}")
_DIGEST_LENGTH = 8


def label_name(key: str) -> str:
    """The valid label name for any text: what is not allowed becomes ``_``, and one comes before a digit.

    Several underscores at the beginning become one, as Prometheus keeps names with two of them for itself.
    """
    name = _RESERVED.sub("_", _NOT_ALLOWED.sub("_", key))
    return f"_{name}" if not name or name[0].isdigit() else name


@frozen
class NamedTexts:
    """Texts by valid names, filled from one source of the alarm after the other.

    A text that is empty is left out: to Prometheus an empty label is none.
    """

    wire_field: str
    texts: dict[str, str] = field(factory=dict)

    def add(self, given: Mapping[str, str], prefix: str, model_field: str) -> None:
        """Take what a source has; a name that is not free gets the source's ``prefix`` before it.

        What is then still not told apart (two keys that differ in what is not allowed) gets the beginning
        of its key's SHA-256 behind it.  So no key's name depends on the order of the keys.

        Raises :class:`~alarm_dispatch.errors.UnsuitableFieldError` where even that is taken.
        """
        wanted = Counter(map(label_name, given))
        taken = frozenset(self.texts)
        for key, text in given.items():
            own = label_name(key)
            candidates = _candidates(key, prefix, shared=wanted[own] > 1)
            free = (name for name in candidates if name == own or name not in wanted)
            name = next((name for name in free if name not in taken), None)
            if name is None or name in self.texts:
                told = f"its name is that of another one, and so are all that stand in for it: {key!r}"
                raise UnsuitableFieldError(NAME, self.wire_field, model_field, told)
            self.texts[name] = text

    def present(self) -> dict[str, str]:
        """Those that are not empty, by name."""
        return {name: text for name, text in self.texts.items() if text}


def _candidates(key: str, prefix: str, *, shared: bool) -> Iterable[str]:
    name = label_name(key)
    # Of several keys with one name only that which is this name has it.
    if not shared or key == name:
        yield name
        yield f"{prefix}_{name}"
    yield f"{prefix}_{name}_{hashlib.sha256(key.encode()).hexdigest()[:_DIGEST_LENGTH]}"
