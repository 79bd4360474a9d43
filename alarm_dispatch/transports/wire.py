"""How a request is written in HTTP/1.1, for a transport whose library needs too long for it."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from alarm_dispatch.errors import TransportError
from alarm_dispatch.exchange import Request, Verdict
from alarm_dispatch.transports.settings import Headers, complete

__all__ = ["RequestWriter"]

# RFC 9110, section 9.3: the methods whose requests are without a body.
_BODYLESS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# RFC 9110, section 5.5: these would end the line, or the header.
_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# What stands in a path and a query as it was written; the rest is written as %XX.  Beyond RFC 3986 this is
# what browsers and httpx leave alone (URL Standard, path and query percent-encode sets).
_IN_PATH = "%/:@!$&'()*+,;=~-._[]^|"
_IN_QUERY = _IN_PATH + "?{}`"


class RequestWriter:
    """Writes the requests to one URL, and remembers how they begin.

    ``host`` is the URL's host with its port, in ASCII.  ``general`` are headers for every request, which
    its own ones override.  ``proxy`` are headers for the proxy that shall carry the requests as it
    would a browser's, None when there is no such proxy.
    """

    def __init__(self, url: str, host: str, general: Headers = (), proxy: Headers | None = None) -> None:
        parts = urlsplit(url)
        target = quote(parts.path or "/", safe=_IN_PATH)
        if parts.query:
            target = f"{target}?{quote(parts.query, safe=_IN_QUERY)}"
        # RFC 9112, section 3.2.2: a proxy is asked for the absolute URL.
        self._target = target if proxy is None else f"{parts.scheme}://{host}{target}"
        self._host = host
        self._general = general
        self._for_proxy = proxy or ()
        self._head_of: tuple[str, Headers, tuple[str, ...]] | None = None
        self._head = b""

    def write(self, request: Request) -> bytes:
        """The whole request; raises TransportError (refused) when a header would be more than one."""
        content, lasting = request.content, len(request.headers) - request.changing
        changing = request.headers[lasting:]
        # Which names change decides which of the general headers are overridden.
        names = tuple([name for name, _ in changing]) if self._general else ()
        head_of = (request.method, request.headers[:lasting], names)
        if head_of != self._head_of:
            self._head, self._head_of = self._new_head(request, lasting), head_of
        head = self._head + _lines([f"{name}: {value}" for name, value in changing])
        if content or request.method not in _BODYLESS:
            return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(content), content)
        return head + b"\r\n"

    def _new_head(self, request: Request, lasting: int) -> bytes:
        """All but the headers behind the first ``lasting`` of the request's own."""
        own = complete(request.headers, self._general)
        general = own[len(request.headers) :]
        headers = (("Host", self._host), *own[:lasting], *general, *self._for_proxy)
        first = f"{request.method} {self._target} HTTP/1.1"
        return _lines([first, *(f"{name}: {value}" for name, value in headers)])


def _lines(lines: list[str]) -> bytes:
    """The lines with their ends."""
    text = "".join(lines)
    # Whether all of it can be printed is told in a tenth of the time, and says that nothing is wrong.
    if not text.isprintable() and _FORBIDDEN.search(text):
        told = "the method or a header has a line break or a control character"
        raise TransportError(Verdict.REFUSED, told)
    return "\r\n".join([*lines, ""]).encode()
