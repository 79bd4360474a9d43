"""Everything that a hostile receiver can do, by name, with the verdict it must lead to and why."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from alarm_dispatch.exchange import Verdict
from alarm_dispatch.receiver.hostile.bodies import brotli_bomb, gzip_bomb, gzipped_gzip_bomb, zstd_bomb
from alarm_dispatch.receiver.hostile.play import End, Hostility, Play, Stage

__all__ = ["CATALOGUE"]

_CONFIRMED, _REJECTED, _UNCONFIRMED = Verdict.CONFIRMED, Verdict.REJECTED, Verdict.UNCONFIRMED
_UNKNOWN, _UNREACHABLE = Verdict.UNKNOWN, Verdict.UNREACHABLE

_OK = b"HTTP/1.1 200 OK\r\n"
_EMPTY = _OK + b"Content-Length: 0\r\n\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_BLOCK = bytes(65_536)
_GIGABYTE = 1 << 30
_MANY = 20_000
_REDIRECTING = (301, 302, 307, 308)
_SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n\x00\xff"
_COOKIES = b"Set-Cookie: spy=1; Path=/\r\nSet-Cookie: more=2\r\n"
_ESCAPES = "\x1b[2J\x1b]0;owned\x07\u202egnp.exe\u2028\r\n\x9b31m\x00"


def _with_body(body: bytes, *headers: str) -> bytes:
    lines = [*headers, f"Content-Length: {len(body)}", "", ""]
    return _OK + "\r\n".join(lines).encode() + body


def _always(**play: object) -> Callable[[], Play]:
    made = Play(**play)  # type: ignore[arg-type]  # they are the fields of a play
    return lambda: made


def _one(
    name: str,
    what: str,
    verdict: Verdict | tuple[Verdict, ...],
    why: str,
    *,
    stage: Stage = Stage.REQUEST,
    tls: bool = False,
    **play: object,
) -> Hostility:
    verdicts = verdict if isinstance(verdict, tuple) else (verdict,)
    return Hostility(
        name=name, what=what, verdicts=verdicts, why=why, play=_always(**play), stage=stage, tls=tls
    )


_NOT_WHOLE = "no whole reply came"
_NOT_ENDED = "no whole reply came by the deadline"
_NO_HTTP = "what came is no reply of HTTP/1"
_TOO_MUCH = "more came beside the body than is read"
_OVER_CAP = "the body is over the cap"
_NO_LENGTH = "its length cannot be told"
_STATUS = "the status confirms, and the body is not unpacked"
_ENDED = "the reply ends where its length says"
_REDIRECT = "a whole reply that is not 2xx; no redirect is followed"


def _connections() -> Iterator[Hostility]:
    yield _one(
        "never-accepts",
        "lets connections wait for ever",
        _UNREACHABLE,
        "nothing was sent",
        stage=Stage.LISTEN,
    )
    crossing = (_UNREACHABLE, _UNKNOWN)
    yield _one(
        "accepts-and-resets", "resets each connection at once", crossing,
        "nothing was sent, or the reset met the request on its way", stage=Stage.ACCEPT, end=End.RESET,
    )  # fmt: skip
    yield _one(
        "speaks-first", "greets as a mail server does", crossing,
        "nothing was sent, or the greeting, which is no HTTP, met the request on its way",
        stage=Stage.ACCEPT, first=b"220 mail.example ESMTP\r\n",
    )  # fmt: skip
    yield _one("never-answers", "reads the request and says nothing", _UNKNOWN, _NOT_ENDED)
    yield _one(
        "never-reads", "reads one byte of the request and says nothing", _UNKNOWN, _NOT_ENDED,
        stage=Stage.FIRST_BYTE, end=End.IGNORE,
    )  # fmt: skip
    yield _one(
        "early-no", "answers 413 to the first byte, and closes", _REJECTED, "a whole reply that is not 2xx",
        stage=Stage.FIRST_BYTE, first=b"HTTP/1.1 413 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        end=End.CLOSE,
    )  # fmt: skip
    yield _one(
        "early-yes", "answers 200 to the first byte, and reads no more", (_CONFIRMED, _UNKNOWN),
        "a request that was sent whole is confirmed; for one that was not, the yes counts for nothing",
        stage=Stage.FIRST_BYTE, first=_OK + b"Content-Length: 0\r\nConnection: close\r\n\r\n", end=End.IGNORE,
    )  # fmt: skip
    yield _one(
        "second-reply", "answers 500, and 200 right behind it, to nobody's request", _REJECTED,
        "the second reply belongs to no request, and least of all to the next one",
        first=b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n" + _EMPTY, end=End.KEEP,
    )  # fmt: skip


def _slow() -> Iterator[Hostility]:
    reply = _with_body(b'{"ok":true}', "Content-Type: application/json")
    for part, end in (("head", b""), ("headers", b"\r\n"), ("body", b"\r\n\r\n")):
        begun = reply.index(end) + len(end)
        yield _one(
            f"drips-{part}", f"a valid reply, from its {part} on one byte a second", _UNKNOWN, _NOT_ENDED,
            first=reply[:begun], drip=reply[begun:], end=End.CLOSE,
        )  # fmt: skip
    yield _one(
        "slow-interim", "an interim reply (102) each 10 ms, without end", _UNKNOWN, _NOT_ENDED,
        again=b"HTTP/1.1 102 Processing\r\n\r\n", every=0.01,
    )  # fmt: skip


_ENDLESS = (
    ("headers", "headers without end", _OK, b"X-Header: " + b"y" * 100 + b"\r\n"),
    ("header", "one header without end", _OK + b"X-Header: ", b"y" * 1_000),
    ("interim", "interim replies (103) without end, at full speed", b"", b"HTTP/1.1 103 \r\n\r\n" * 500),
    ("extension", "a chunk extension without end", _CHUNKED + b"1;", b"x" * 1_000),
    ("trailers", "trailers without end", _CHUNKED + b"0\r\n", b"X-Trailer: y\r\n" * 100),
    ("tiny-chunks", "chunks of one byte without end", _CHUNKED, b"1\r\nx\r\n" * 1_000),
)


def _large() -> Iterator[Hostility]:
    for name, how, head, block in (
        ("length", "with its length", _OK + b"Content-Length: %d\r\n\r\n" % _GIGABYTE, _BLOCK),
        ("chunked", "in chunks", _CHUNKED, b"10000\r\n" + _BLOCK + b"\r\n"),
        ("close", "without a length", _OK + b"\r\n", _BLOCK),
    ):
        yield _one(
            f"gigabyte-{name}", f"a body of 1 GB {how}", _UNKNOWN, _OVER_CAP,
            first=head, again=block, times=_GIGABYTE // len(_BLOCK), end=End.CLOSE,
        )  # fmt: skip
    for name, what, first, again in _ENDLESS:
        yield _one(f"endless-{name}", what, _UNKNOWN, _TOO_MUCH, first=first, again=again)
    small = b"a:\r\n" * _MANY
    for name, first in (("headers", _OK + small), ("trailers", _CHUNKED + b"0\r\n" + small)):
        yield _one(
            f"many-{name}",
            f"{_MANY:,} small {name}",
            _UNKNOWN,
            _TOO_MUCH,
            first=first + b"\r\n",
            end=End.KEEP,
        )


def _compressed() -> Iterator[Hostility]:
    for encoding, body in (
        ("gzip", gzip_bomb), ("br", brotli_bomb), ("zstd", zstd_bomb), ("gzip, gzip", gzipped_gzip_bomb)
    ):  # fmt: skip
        name = {"br": "brotli", "gzip, gzip": "chained"}.get(encoding, encoding)

        def play(encoding: str = encoding, body: Callable[[], bytes] = body) -> Play:
            return Play(first=_with_body(body(), f"Content-Encoding: {encoding}"), end=End.KEEP)

        yield Hostility(
            name=f"bomb-{name}", what=f"a body that becomes 50 MB or more ({encoding})",
            verdicts=(_CONFIRMED,), why=_STATUS, play=play,
        )  # fmt: skip
    yield _one(
        "bomb-transfer", "the same as a transfer encoding", _UNKNOWN, "it was not asked for",
        first=_OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n4\r\n\x1f\x8b\x08\x00\r\n", end=End.CLOSE,
    )  # fmt: skip
    yield _one(
        "deep-json", "a body of 30,000 brackets", _CONFIRMED, "the status confirms, and the body is not read",
        first=_with_body(b"[" * 30_000, "Content-Type: application/json"), end=End.KEEP,
    )  # fmt: skip


def _redirects() -> Iterator[Hostility]:
    for name, status, location, what in (
        *((str(status), status, "{url}/redirected", "on the loopback interface") for status in _REDIRECTING),
        ("file", 302, "file:///etc/passwd", "to a file"),
        ("ftp", 302, "ftp://127.0.0.1/", "to another protocol"),
        ("nowhere", 302, None, "without a location"),
    ):
        where = f"Location: {location}\r\n" if location else ""
        yield _one(
            f"redirect-{name}", f"a redirect ({status}) {what}", _REJECTED, _REDIRECT,
            first=f"HTTP/1.1 {status} Go\r\n{where}Content-Length: 0\r\n\r\n".encode(), end=End.KEEP,
        )  # fmt: skip


def _wrong_framing() -> Iterator[Hostility]:
    yield _one(
        "length-too-long", "a length of 1000 for 2 bytes, and closes", _UNKNOWN, _NOT_WHOLE,
        first=_OK + b"Content-Length: 1000\r\n\r\n{}", end=End.CLOSE,
    )  # fmt: skip
    yield _one(
        "length-too-short", "a length of 2 for a body of 1002 bytes", _CONFIRMED, _ENDED,
        first=_OK + b"Content-Length: 2\r\n\r\n{}" + b"x" * 1_000, end=End.KEEP,
    )  # fmt: skip
    yield _one(
        "body-on-204", "a body where there is none", _UNCONFIRMED, "204 is 2xx and not 200, and has no body",
        first=b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}", end=End.KEEP,
    )  # fmt: skip
    for name, what, headers in (
        ("length-negative", "a length of -1", b"Content-Length: -1\r\n"),
        ("length-words", "a length that is no number", b"Content-Length: two\r\n"),
        ("length-twice", "two lengths", b"Content-Length: 2\r\nContent-Length: 3\r\n"),
        ("length-and-chunks", "a length and chunks", b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"),
    ):
        yield _one(
            name, what, _UNKNOWN, _NO_LENGTH, first=_OK + headers + b"\r\n2\r\n{}\r\n0\r\n\r\n", end=End.CLOSE
        )
    for name, what, size in (
        ("chunk-words", "a chunk size that is no number", b"two"),
        ("chunk-negative", "a chunk of -1 bytes", b"-1"),
        ("chunk-huge", "a chunk of 2^80 bytes", b"1" + b"0" * 20),
    ):
        yield _one(
            name, what, _UNKNOWN, _NO_HTTP, first=_CHUNKED + size + b"\r\n{}\r\n0\r\n\r\n", end=End.CLOSE
        )


def _not_http() -> Iterator[Hostility]:
    for name, what, first in (
        ("http-0.9", "a page without a head, as in HTTP/0.9", b"<html>OK</html>\r\n"),
        ("http-2", "the frames of HTTP/2", b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" * 2),
        ("http-2-preface", "the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("garbage", "bytes of no protocol", bytes(range(256)) * 4),
        ("escapes-in-head", "control characters in the status line", b"HTTP/1.1 200 \x1b[2J\r\n\r\n"),
    ):
        yield _one(name, what, _UNKNOWN, _NO_HTTP, first=first, end=End.CLOSE)
    yield _one(
        "switches", "101, and then another protocol", _UNKNOWN, "nobody asked it to",
        first=_SWITCHING,
    )  # fmt: skip
    yield _one(
        "escapes-in-body", "a body with terminal escapes and a text in the other direction", _CONFIRMED,
        "the status confirms; where the body is told, it is told escaped",
        first=_with_body(json.dumps({"retCode": _ESCAPES, "sessionId": _ESCAPES}).encode(), "X-Note: \u202e"),
        end=End.KEEP,
    )  # fmt: skip
    yield _one(
        "sets-cookies", "a reply with cookies", _CONFIRMED, "the status confirms; no cookie is kept",
        first=_OK + _COOKIES + b"Content-Length: 0\r\n\r\n", end=End.KEEP,
    )  # fmt: skip


def _tls() -> Iterator[Hostility]:
    why = "no TLS connection was made, so nothing was sent"
    for name, what, first, end in (
        ("tls-stalls", "accepts, and never answers the handshake", b"", End.HOLD),
        ("tls-alert", "answers the handshake with an alert", b"\x15\x03\x03\x00\x02\x02\x28", End.CLOSE),
        ("tls-plain", "answers the handshake in plain HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n", End.CLOSE),
    ):
        yield _one(name, what, _UNREACHABLE, why, stage=Stage.ACCEPT, tls=True, first=first, end=end)


CATALOGUE: dict[str, Hostility] = {
    one.name: one
    for part in (_connections, _slow, _large, _compressed, _redirects, _wrong_framing, _not_http, _tls)
    for one in part()
}
"""Every behaviour, by its name."""
