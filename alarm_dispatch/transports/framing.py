"""Where a reply in HTTP/1 ends, and how long all of it that is not its body may be.

The libraries that parse replies differ in what they take, in what they keep in memory meanwhile, and in what
they do with bytes that belong to no reply.  This looks at the bytes before they do, in the same way for all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from alarm_dispatch.errors import TransportError
from alarm_dispatch.exchange import Verdict

__all__ = ["MAX_HEADERS", "MAX_HEAD_BYTES", "NO_REPLY", "Framing", "check_head"]

MAX_HEAD_BYTES = 32 * 1024
"""Bytes of a reply that are not its body: interim replies, the head, what frames chunks, trailers."""

MAX_HEADERS = 100
"""Header lines of a reply, with those of its interim replies and its trailers."""

NO_REPLY = "what came is not an HTTP reply"

_NAME = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
# RFC 9110, section 5.5, allows no control characters; a line that begins with a space goes on with the last.
_VALUE = rb"[^\x00-\x08\x0a-\x1f\x7f]*+"
_LINE = _NAME + rb":" + _VALUE + rb"\r?\n(?:[ \t]" + _VALUE + rb"\r?\n)*+"
_HEAD = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: " + _VALUE + rb")?\r?\n(?:" + _LINE + rb")*+\r?\n")
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_FRAMED_BY = re.compile(rb"\n(content-length|transfer-encoding):((?:[^\n]|\n[ \t])*+)")
# RFC 9112, section 2.2, forgives a bare line feed in heads only.
# Extensions as section 7.1.1 has them, without white space and escapes: of others parsers think differently.
_EXTENSION = rb";" + _NAME + rb"(?:=(?:" + _NAME + rb"|\"[^\x00-\x1f\"\\\x7f-\xff]*+\"))?"
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]++|(?:" + _EXTENSION + rb")*+)\r\n")
_END_OF_CHUNK = b"\r\n"
_TRAILER = re.compile(_LINE)
_BLANK = (b"\r\n", b"\n")
_BEGINNING = b"HTTP/1."
_LONGEST_CHUNK_LINE = 1024
# What a chunk costs beside its framing, and how many of its bytes pay for one: it is small ones that take
# time and memory, and those of 300 bytes and more are free.
_CHUNK_COSTS, _PAYING = 32, 8
_MOST_DIGITS = 18
_SWITCHING, _FIRST_FINAL = 101, 200
_BODILESS = (204, 304)

# A receiver's heads differ in their dates only, and are the same for a second.
_LONGEST_KNOWN = 1024

_HEAD_PART, _LENGTH, _CLOSE, _CHUNKS, _OVER = range(5)
_SIZE, _AFTER, _TRAILERS = range(3)


def _unknown(reason: str) -> TransportError:
    return TransportError(Verdict.UNKNOWN, reason)


def _too_many_headers() -> TransportError:
    return _unknown(f"a reply of more than {MAX_HEADERS} headers")


def _too_long_head() -> TransportError:
    return _unknown(f"a reply of more than {MAX_HEAD_BYTES} bytes beside its body")


def check_head(headers: Sequence[tuple[str, str]]) -> None:
    """The same bounds for headers that somebody else has parsed.

    Raises :class:`~alarm_dispatch.errors.TransportError` (unknown) when there are more.
    """
    if len(headers) > MAX_HEADERS:
        raise _too_many_headers()
    if sum(len(name) + len(value) for name, value in headers) > MAX_HEAD_BYTES:
        raise _too_long_head()


class Framing:
    """The bytes of one connection, one reply after the other.

    ``over`` says that no reply is under way, ``spoiled`` that bytes came which belong to none: then the
    connection must not be used again.
    """

    __slots__ = (
        "_bodiless",
        "_expected",
        "_headers",
        "_held",
        "_known",
        "_left",
        "_part",
        "_room",
        "spoiled",
    )

    def __init__(self) -> None:
        self.spoiled = False
        self._part = _OVER
        self._held = b""
        # The last head that began a reply, and what was made of it.
        self._known: tuple[bytes, int, int, int, int] | None = None

    @property
    def over(self) -> bool:
        """Whether no reply is under way."""
        return self._part == _OVER

    def begin(self, *, bodiless: bool = False) -> None:
        """A request is sent; ``bodiless`` when its reply has no body whatever its head says."""
        self._part = _HEAD_PART
        self._bodiless = bodiless
        self._held = b""
        self._room, self._headers = MAX_HEAD_BYTES, MAX_HEADERS

    def feed(self, data: bytes) -> bytes:
        """What of the received bytes belongs to the reply, without interim replies.

        Of a head nothing is handed on before it is whole.  Raises
        :class:`~alarm_dispatch.errors.TransportError` (unknown) for what is no reply of HTTP/1, and for more
        than :data:`MAX_HEAD_BYTES` and :data:`MAX_HEADERS`.
        """
        if self._part != _HEAD_PART:
            return self._body(data)
        known = self._known
        if (
            known is None
            or self._bodiless
            or self._held
            or self._room != MAX_HEAD_BYTES
            or not data.startswith(known[0])
        ):
            return self._head(data)
        head, part, left, room, headers = known
        if part == _LENGTH and len(data) == len(head) + left:
            self._part = _OVER
            return data
        self._part, self._left, self._room, self._headers, self._expected = part, left, room, headers, _SIZE
        return self._with_body(head, data, 0, len(head))

    def _with_body(self, head: bytes, data: bytes, begin: int, end: int) -> bytes:
        """The head, which is ``data[begin:end]``, and what follows it of the body."""
        body = self._body(data[end:])
        # Nearly always all of it is the reply, and need not be put together again.
        return data if not begin and end + len(body) == len(data) else head + body

    def _body(self, data: bytes) -> bytes:
        if self._part == _CHUNKS:
            return self._chunks(data)
        if self._part == _CLOSE:
            return data
        left = self._left if self._part == _LENGTH else 0
        if len(data) >= left:
            self._end(len(data) > left)
            return data[:left]
        self._left -= len(data)
        return data

    def _end(self, more_came: bool) -> None:
        self._part = _OVER
        self.spoiled |= more_came

    def _head(self, data: bytes) -> bytes:
        at, seen = 0, len(self._held)
        if seen:
            data, self._held = self._held + data, b""
        while found := _END_OF_HEAD.search(data, max(at, seen - 2)):
            head = data[at : found.end()]
            at = found.end()
            self._charge(len(head), head.count(b"\n") - 2)
            match = _HEAD.fullmatch(head)
            if match is None:
                raise _unknown(NO_REPLY)
            status = int(match[1])
            if status >= _FIRST_FINAL:
                self._part, self._left = self._framed(status, head)
                first = self._room + len(head) == MAX_HEAD_BYTES
                if first and len(head) <= _LONGEST_KNOWN and not self._bodiless:
                    self._known = (head, self._part, self._left, self._room, self._headers)
                return self._with_body(head, data, at - len(head), at)
            if status == _SWITCHING:
                # RFC 9110, section 15.2.2: only to what the client named, and we name nothing.
                raise _unknown("the receiver switched to another protocol, unasked")
        self._held = data[at:]
        self._check_beginning(self._held)
        return b""

    def _check_beginning(self, head: bytes) -> None:
        """Not to wait for the end of what will never be a head."""
        if len(head) > self._room:
            raise _too_long_head()
        if head.count(b"\n") - 1 > self._headers:
            raise _too_many_headers()
        if head[: len(_BEGINNING)] != _BEGINNING[: len(head)]:
            raise _unknown(NO_REPLY)

    def _charge(self, size: int, headers: int = 0) -> None:
        self._room -= size
        self._headers -= headers
        if self._room < 0:
            raise _too_long_head()
        if self._headers < 0:
            raise _too_many_headers()

    def _framed(self, status: int, head: bytes) -> tuple[int, int]:
        """How the body is framed, and its length (RFC 9112, section 6.3)."""
        if self._bodiless or status in _BODILESS:
            return _LENGTH, 0
        framed_by = _FRAMED_BY.findall(head.lower())
        if not framed_by:
            return _CLOSE, 0
        if len(framed_by) == 1:
            ((name, value),) = framed_by
            value = value.strip(b" \t\r")
            if name == b"transfer-encoding":
                if value == b"chunked":
                    self._expected = _SIZE
                    return _CHUNKS, 0
                raise _unknown("a reply in a transfer encoding that was not asked for")
            if value.isdigit() and len(value) <= _MOST_DIGITS:
                return _LENGTH, int(value)
        # Two lengths, or a length beside chunks, are how replies are split; RFC 9112 has them as errors.
        raise _unknown("a reply whose length cannot be told")

    def _chunks(self, data: bytes) -> bytes:
        at = 0
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
                continue
            end = data.find(b"\n", at) + 1
            self._held += data[at : end or len(data)]
            if len(self._held) > (_LONGEST_CHUNK_LINE if self._expected != _TRAILERS else self._room):
                raise _too_long_head()
            if not end:
                return data
            at = end
            line, self._held = self._held, b""
            if self._chunk_line(line):
                self._end(at < len(data))
                return data[:at]
        return data

    def _chunk_line(self, line: bytes) -> bool:
        """Take one line of a chunked body; whether it was the last."""
        if self._expected == _SIZE:
            match = _CHUNK.fullmatch(line)
            if match is None:
                raise _unknown(NO_REPLY)
            self._left = int(match[1], 16)
            self._expected = _AFTER if self._left else _TRAILERS
            self._charge(max(0, _CHUNK_COSTS + len(line) - self._left // _PAYING))
            return False
        if self._expected == _AFTER:
            if line != _END_OF_CHUNK:
                raise _unknown(NO_REPLY)
            self._expected = _SIZE
            return False
        if line in _BLANK:
            return True
        if _TRAILER.fullmatch(line) is None:
            raise _unknown(NO_REPLY)
        self._charge(len(line), 1)
        return False
