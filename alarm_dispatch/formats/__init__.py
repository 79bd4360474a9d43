"""The callback formats; each vendor's is a module of its own, with a class ``Format``."""

from alarm_dispatch.formats.abilities import About, Bundle, BundlingFormat, FinishingFormat
from alarm_dispatch.formats.base import (
    BuildContext,
    DeliveryRules,
    Dialect,
    Format,
    Payload,
    Verification,
)
from alarm_dispatch.formats.registry import get, names, resolve

__all__ = [
    "About",
    "BuildContext",
    "Bundle",
    "BundlingFormat",
    "DeliveryRules",
    "Dialect",
    "FinishingFormat",
    "Format",
    "Payload",
    "Verification",
    "get",
    "names",
    "resolve",
]
