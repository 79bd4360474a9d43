"""A body of the user's own, from a template; needs the extra ``template``."""

from alarm_dispatch.formats.template.format import NAME, Format

__all__ = ["NAME", "Format"]
