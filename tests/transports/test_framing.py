"""Where a reply ends, whoever parses it: the bytes are watched before the libraries see them."""

from __future__ import annotations

import contextlib
import itertools

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarm_dispatch.errors import TransportError
from alarm_dispatch.exchange import Verdict
from alarm_dispatch.transports.framing import MAX_HEAD_BYTES, MAX_HEADERS, Framing, check_head

_OK = b"HTTP/1.1 200 OK\r\n"


def fed(*parts: bytes, bodiless: bool = False) -> tuple[bytes, Framing]:
    """What is handed on of a reply that comes in these parts."""
    framing = Framing()
    framing.begin(bodiless=bodiless)
    return b"".join(map(framing.feed, parts)), framing


_WHOLE = {
    "with a length": _OK + b"content-length: 2\r\n\r\nok",
    "without a body": _OK + b"content-length: 0\r\n\r\n",
    "chunked": _OK + b"Transfer-Encoding:chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nx-y: z\r\n\r\n",
    "of chunks with extensions": _OK
    + b"Transfer-Encoding: chunked\r\n\r\n"
    + b'3;a;b=c;d="e; f";g=""\r\nabc\r\n3 \r\ndef\r\n0;a\r\n\r\n',
    "204": b"HTTP/1.1 204\r\ncontent-length: 5\r\n\r\n",
    "304": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "with bare line feeds": b"HTTP/1.0 200 OK\nContent-Length: 2\n\nok",
    "with a header over two lines": _OK + b"x: a\r\n  b\r\ncontent-length: 2\r\n\r\nok",
    "of many headers": _OK + b"a:\r\n" * (MAX_HEADERS - 1) + b"content-length: 0\r\n\r\n",
    "of chunks that are not tiny": _OK + b"transfer-encoding: chunked\r\n\r\n"
    + (b"12c\r\n" + b"x" * 300 + b"\r\n") * 200 + b"0\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("kind", _WHOLE)
@pytest.mark.parametrize("step", [1, 7, 1_000_000])
def test_a_reply_is_over_where_it_ends(kind, step):
    """In whatever pieces it comes; what follows belongs to nothing, and the connection is of no more use."""
    reply = _WHOLE[kind]
    parts = [reply[at : at + step] for at in range(0, len(reply), step)]

    kept, framing = fed(*parts)
    before = (framing.over, framing.spoiled)
    more = framing.feed(b"HTTP/1.1 200 OK\r\n\r\n")

    assert kept == reply
    assert before == (True, False)
    assert (more, framing.over, framing.spoiled) == (b"", True, True)


@pytest.mark.parametrize("kind", _WHOLE)
def test_what_follows_at_once_is_cut_off(kind):
    """A second reply in the same piece must not confirm the next request."""
    kept, framing = fed(_WHOLE[kind] + b"HTTP/1.1 200 OK\r\n\r\n")

    assert kept == _WHOLE[kind]
    assert framing.spoiled


def test_a_reply_without_a_length_goes_to_the_connections_end():
    """Whatever comes is its body."""
    kept, framing = fed(_OK + b"\r\nab", b"\r\n\r\n", _OK)

    assert kept == _OK + b"\r\nab\r\n\r\n" + _OK
    assert not framing.over


def test_the_reply_to_head_has_no_body():
    """Whatever length it tells."""
    _, framing = fed(_OK + b"content-length: 5\r\n\r\n", bodiless=True)

    assert framing.over


def test_interim_replies_are_left_out():
    """They say nothing that counts."""
    kept, framing = fed(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: a\r\n", b"\r\n" + _WHOLE["204"]
    )

    assert kept == _WHOLE["204"]
    assert framing.over


_CHUNKED = _OK + b"transfer-encoding: chunked\r\n\r\n"
_NO_EXTENSIONS = (
    b";",
    b" ;a",
    b"; a",
    b";a=",
    b";a=\xf0",
    b';a="\xf0"',
    b';a="b\\"c"',
    b";a ",
    b';a="b',
    b";a=b=c",
)
_NONE = "what came is not an HTTP reply"
_LENGTH = "a reply whose length cannot be told"
_ENCODING = "a reply in a transfer encoding that was not asked for"
_BYTES = f"a reply of more than {MAX_HEAD_BYTES} bytes beside its body"
_HEADERS = f"a reply of more than {MAX_HEADERS} headers"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<html>", _NONE),
        (b"\x16\x03", _NONE),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", _NONE),
        (b"HTTP/2 200 OK\r\n\r\n", _NONE),
        (b"HTTP/1.1 20 OK\r\n\r\n", _NONE),
        (b"HTTP/1.1 200 \x1b[31m\r\n\r\n", _NONE),
        (_OK + b"no colon\r\n\r\n", _NONE),
        (_OK + b"space : 1\r\n\r\n", _NONE),
        (_OK + b"x: a\x00b\r\n\r\n", _NONE),
        (_OK + b"x: a\rb\r\n\r\n", _NONE),
        (_OK + b" folded: at the start\r\n\r\n", _NONE),
        (_CHUNKED + b"zz\r\n", _NONE),
        (_CHUNKED + b"-1\r\n", _NONE),
        (_CHUNKED + b"FFFFFFFFF\r\n", _NONE),
        (_CHUNKED + b"1\r\nxx\r\n", _NONE),
        (_CHUNKED + b"1\nx\r\n", _NONE),
        (_CHUNKED + b"1\r\nx\n", _NONE),
        (_CHUNKED + b"0\r\nno colon\r\n", _NONE),
        *((_CHUNKED + b"3" + extension + b"\r\n", _NONE) for extension in _NO_EXTENSIONS),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "the receiver switched to another protocol, unasked"),
        (_OK + b"content-length: -1\r\n\r\n", _LENGTH),
        (_OK + b"content-length: two\r\n\r\n", _LENGTH),
        (_OK + b"content-length: \r\n\r\n", _LENGTH),
        (_OK + b"content-length: 2, 2\r\n\r\n", _LENGTH),
        (_OK + b"content-length: 2\r\n 0\r\n\r\n", _LENGTH),
        (_OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\n", _LENGTH),
        (_OK + b"content-length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", _LENGTH),
        (_OK + b"content-length: " + b"9" * 30 + b"\r\n\r\n", _LENGTH),
        (_OK + b"transfer-encoding: gzip, chunked\r\n\r\n", _ENCODING),
        (_OK + b"x: " + b"x" * MAX_HEAD_BYTES, _BYTES),
        (_OK + b"x: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n", _BYTES),
        (b"HTTP/1.1 100 \r\n\r\n" * 2_000, _BYTES),
        (_CHUNKED + b"1;" + b"x" * 1_024, _BYTES),
        (_CHUNKED + b"1\r\nx\r\n" * 1_000, _BYTES),
        (_CHUNKED + b"0\r\nx: " + b"x" * MAX_HEAD_BYTES, _BYTES),
        (_OK + b"x: a\r\n" * (MAX_HEADERS + 2), _HEADERS),
        (_OK + b"x: a\r\n" * (MAX_HEADERS + 1) + b"\r\n", _HEADERS),
        (_CHUNKED + b"0\r\n" + b"x: a\r\n" * MAX_HEADERS, _HEADERS),
        (b"HTTP/1.1 103 \r\nx: a\r\n\r\n" * (MAX_HEADERS + 1), _HEADERS),
    ],
)  # fmt: skip
@pytest.mark.parametrize("step", [500, 1_000_000])
def test_what_is_no_reply_and_what_is_too_much_of_one(data, reason, step):
    """Each has its reason, which repeats nothing of what came."""
    with pytest.raises(TransportError) as failure:
        fed(*(data[at : at + step] for at in range(0, len(data), step)))

    assert (failure.value.verdict, failure.value.reason) == (Verdict.UNKNOWN, reason)


@pytest.mark.parametrize(
    ("headers", "fits"),
    [
        ([("a", "b")] * MAX_HEADERS, True),
        ([("a", "b")] * (MAX_HEADERS + 1), False),
        ([("a", "b" * (MAX_HEAD_BYTES - 1))], True),
        ([("a", "b" * MAX_HEAD_BYTES)], False),
    ],
)
def test_heads_that_others_parsed_have_the_same_bounds(headers, fits):
    """Those of a client of the user's own, and of HTTP/2."""
    if fits:
        check_head(headers)
    else:
        with pytest.raises(TransportError, match="a reply of more than"):
            check_head(headers)


_LINES = st.sampled_from(
    [
        *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 404\n", b"HTTP/1.1 100 \r\n", b"HTTP/1.1 204 No\r\n"),
        *(b"Content-Length: 3\r\n", b"content-length:0\r\n", b"Transfer-Encoding: chunked\r\n"),
        *(
            b"\r\n",
            b"\n",
            b"0\r\n",
            b"3\r\nabc\r\n",
            b"abc",
            b"1;x\r\n",
            b"a\r\n",
            b"x: y\r\n",
            b" z\r\n",
            b"\r",
        ),
    ]
)
_TAIL = st.lists(_LINES | st.binary(max_size=6), max_size=8).map(b"".join)
_FRAMED_BY = st.sampled_from([b"", b"content-length: 3\r\n", b"transfer-encoding: chunked\r\n"])
_WIRE = _TAIL | st.builds(lambda head, rest: _OK + head + b"\r\n" + rest, _FRAMED_BY, _TAIL)


@given(_WIRE, st.lists(st.integers(0, 60), max_size=6))
def test_what_is_handed_on_is_one_reply_to_the_parser_too(wire, cuts):
    """Any bytes in any pieces: of what is let through, h11 reads one reply of the same end, or refuses it."""
    edges = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
    framing = Framing()
    framing.begin()
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="POST", target="/", headers=[("host", "a"), ("content-length", "0")]))
    client.send(h11.EndOfMessage())
    ended = False

    with contextlib.suppress(TransportError, h11.RemoteProtocolError):
        kept = b"".join(framing.feed(wire[start:end]) for start, end in itertools.pairwise(edges))
        if kept:
            client.receive_data(kept)
        while isinstance(event := client.next_event(), h11.Event):
            ended = isinstance(event, h11.EndOfMessage)
        assert ended == framing.over
        assert not ended or client.trailing_data == (b"", False)


_HEADS = st.sampled_from(
    [
        _OK + b"content-length: 3\r\n\r\n",
        _OK + b"transfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 204 No\r\n\r\n",
        _OK + b"\r\n",
        b"HTTP/1.1 103 \r\nx: y\r\n\r\n" + _OK + b"transfer-encoding: chunked\r\n\r\n",
    ]
)
_RESTS = [
    b"",
    b"abc",
    b"abcd",
    b"3\r\nabc\r\n0\r\n\r\n",
    b"0\r\n" + b"x: y\r\n" * (MAX_HEADERS - 1) + b"\r\n",
]
_REPLY = st.tuples(_HEADS, st.sampled_from(_RESTS), st.booleans(), st.integers(0, 90))


def _end(framing: Framing, wire: bytes, bodiless: bool, cut: int) -> tuple[bytes, str, bool, bool]:
    """What comes of a reply in one or two pieces."""
    framing.begin(bodiless=bodiless)
    kept, told = b"", ""
    try:
        for part in (wire[:cut], wire[cut:]) if cut else (wire,):
            if not framing.over:
                kept += framing.feed(part)
    except TransportError as error:
        told = error.reason
    return kept, told, framing.over, framing.spoiled


@given(st.lists(_REPLY, min_size=2, max_size=5))
def test_a_head_that_is_known_is_taken_as_when_it_was_new(replies):
    """Whatever the connection has carried before, and whether a body belongs to the reply."""
    framing = Framing()

    for head, rest, bodiless, cut in replies:
        fresh = _end(Framing(), head + rest, bodiless, cut)
        assert _end(framing, head + rest, bodiless, cut) == fresh
        if fresh[1] or framing.spoiled or not framing.over:
            return  # such a connection carries nothing more


_INTERIM = b"HTTP/1.1 103 \r\nx: y\r\n\r\n"
_CHUNKED_HEAD = _OK + b"transfer-encoding: chunked\r\n\r\n"
_FEW, _MANY = b"0\r\n\r\n", b"0\r\n" + b"x: y\r\n" * (MAX_HEADERS - 1) + b"\r\n"
_SHORT = _OK + b"content-length: 3\r\n\r\nabc"


@pytest.mark.parametrize(
    ("known", "wire", "cut"),
    [
        (_CHUNKED_HEAD + _FEW, _INTERIM + _CHUNKED_HEAD + _MANY, len(_INTERIM)),
        (_INTERIM + _CHUNKED_HEAD + _FEW, _CHUNKED_HEAD + _MANY, 0),
        (_SHORT, _OK + b"x: " + _SHORT, len(_OK) + 3),
    ],
)
def test_only_a_head_that_begins_a_reply_is_known(known, wire, cut):
    """What came before one counts, and so does what is held back of it."""
    framing = Framing()
    _end(framing, known, False, 0)

    assert _end(framing, wire, False, cut) == _end(Framing(), wire, False, cut)


@pytest.mark.parametrize("kind", ["with a length", "chunked"])
@pytest.mark.parametrize("late", [0, 1, 2])
def test_the_same_head_again_with_a_body_that_comes_later(kind, late):
    """The head is known by then, and its body is still counted to the end."""
    reply = _WHOLE[kind]
    cut = len(reply) - late
    _, framing = fed(reply)
    framing.begin()

    kept = framing.feed(reply[:cut])
    over = framing.over
    kept += framing.feed(reply[cut:]) if late else b""

    assert kept == reply
    assert over == (not late)
    assert (framing.over, framing.spoiled) == (True, False)
