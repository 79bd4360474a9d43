"""Which URLs and headers are taken, and what becomes of a URL's user."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.http_values import basic_authorization, check_headers, check_url, split_user_info
from alarm_dispatch.request_headers import FORBIDDEN


@pytest.mark.parametrize(
    "url",
    [
        "https://ops.example.com/alarms",
        "http://ops.example.com",
        "HTTPS://OPS.example.com/",
        "http://ops.example.com:8080/a/b?c=d&e#f",
        "http://ops.example.com:65535/",
        "http://ops.example.com:/",
        "http://ops.example.com./",
        "http://localhost/",
        "http://alarm_receiver.svc.local/",
        "http://a-b~c.example/",
        "http://10.0.0.1:80/",
        "http://[::1]/",
        "http://[2001:db8::1]:8080/x",
        "http://user:pass@[::1]:80/",
        "http://user@ops.example.com/",
        "http://us%40er:p%3Ass@ops.example.com/",
        "https://例え.jp/路径",
        "https://bücher.example/?q=ü",
        "https://xn--bcher-kva.example/",
        f"http://{'a' * 63}.example/",
        "http://h/" + "a" * 8183,
    ],
    ids=lambda url: ascii(url)[:50],
)
def test_good_urls_stay_as_they_are(url: str) -> None:
    """A whole http or https URL is not rewritten."""
    assert check_url(url, "Callback.url") == url


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (None, "must be text, not NoneType"),
        (b"http://h/", "must be text, not bytes"),
        ("", "must not be empty"),
        ("http://h/\ud800", "has a lone surrogate at position 9"),
        ("http://h/" + "a" * 8184, "is longer than 8192 characters"),
        (" http://h/", "has white space or a control character (U+0020) at position 0"),
        ("http://h/a b", "has white space or a control character (U+0020) at position 10"),
        ("http://h/\r\nX: 1", "has white space or a control character (U+000D) at position 9"),
        ("http://h/\x00", "has white space or a control character (U+0000) at position 9"),
        ("http://h/\x7f", "has white space or a control character (U+007F) at position 9"),
        ("http://h/\x85", "has white space or a control character (U+0085) at position 9"),
        ("http://h/\u2028", "has white space or a control character (U+2028) at position 9"),
        ("http://h/\u3000", "has white space or a control character (U+3000) at position 9"),
        ("http://h\u200b/", "has white space or a control character (U+200B) at position 8"),
        ("http://h/\u202e", "has white space or a control character (U+202E) at position 9"),
        ("http://h\\@evil/", "has a backslash; only / separates the parts of a URL"),
        ("ftp://h/", "must be an http or https URL; its scheme is 'ftp'"),
        ("file:///etc/passwd", "must be an http or https URL; its scheme is missing"),
        ("ops.example.com/alarms", "must be an http or https URL; its scheme is missing"),
        ("//ops.example.com/", "must be an http or https URL; its scheme is missing"),
        ("localhost:8080/alarms", "must be an http or https URL; its scheme is missing"),
        ("javascript:alert(1)", "must be an http or https URL; its scheme is missing"),
        ("http:", "has no host"),
        ("http:///alarms", "has no host"),
        ("http:ops.example.com", "has no host"),
        ("http://:80/", "has no host"),
        ("http://user@/", "has no host"),
        ("http://h:0/", "has port 0; allowed are 1 to 65535"),
        ("http://h:99999/", "has a port that is no number from 1 to 65535"),
        ("http://h:abc/", "has a port that is no number from 1 to 65535"),
        ("http://h:-1/", "has a port that is no number from 1 to 65535"),
        ("http://h:+80/", "has a port that is no number from 1 to 65535"),
        (
            "http://h:80:90/",
            "has a port that is no number from 1 to 65535; an IPv6 address stands in brackets",
        ),
        (
            "http://u:p@::1/",
            "has a port that is no number from 1 to 65535; an IPv6 address stands in brackets",
        ),
        ("http://u:p:q@h:x/", "has a port that is no number from 1 to 65535"),
        ("http://h:８０/", "has a port that is no number from 1 to 65535"),
        ("http://[::1/", "is not a URL (Invalid IPv6 URL)"),
        ("http://::1]/", "is not a URL (Invalid IPv6 URL)"),
        ("http://[]/", None),
        ("http://[zz]/", None),
        ("http://[1.2.3.4]/", None),
        ("http://[v1.a]/", "has brackets around what is no IPv6 address"),
        ("http://[::1]x/", None),
        ("http://x[::1]/", None),
        ("http://[::1]:80x/", None),
        ("http://ops%2eexample.com/", "has a host with a character that no host name has"),
        ("http://a,b/", "has a host with a character that no host name has"),
        ("http://<h>/", "has a host with a character that no host name has"),
        ("http://./", "has a host with an empty label or one longer than 63 characters"),
        ("http://a..b/", "has a host with an empty label or one longer than 63 characters"),
        ("http://.a/", "has a host with an empty label or one longer than 63 characters"),
        (f"http://{'a' * 64}/", "has a host with an empty label or one longer than 63 characters"),
        ("http://☃.example/", "has a host that is no valid international domain name"),
        ("http://-ü.example/", "has a host that is no valid international domain name"),
        ("http://℀.example/", "is not a URL (netloc)"),
    ],
    ids=lambda value: ascii(value)[:50] if value is None or len(value) < 100 else "long",
)
def test_bad_urls(url: Any, problem: str | None) -> None:
    """A URL that cannot be called, or that two parsers read in two ways, is refused where it is written."""
    with pytest.raises(InvalidFieldError) as caught:
        check_url(url, "Callback.url")

    assert caught.value.field == "Callback.url"
    # How the library tells wrong brackets differs between Python's releases.
    assert problem is None or caught.value.problem.startswith(problem)
    assert "()" not in caught.value.problem


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("env:U", 'env: is for files and the command line, and in code it is Secret.from_env("NAME")'),
        ("file:/u", 'file: is for files and the command line, and in code it is Secret.from_file("PATH")'),
        ("environment:U", None),
    ],
)
def test_a_reference_in_code(url: str, hint: str | None) -> None:
    """It is a text like any other there; whoever writes one has seen it in a file."""
    with pytest.raises(InvalidFieldError) as caught:
        check_url(url, "Callback.url")

    told = "must be an http or https URL; its scheme is missing"
    assert caught.value.problem == (told if hint is None else f"{told}; {hint}")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://hunter2:hunter2@h/hunter2?hunter2#hunter2",
        "hunter2:hunter2@h/",
        "hunter2://",
        "http://u:hunter2[@h/",
        "http://u:hunter2@h:hunter2/",
        "http://u:hunter2/x@h/",
        "http://u:hunter2@h/ hunter2",
        "http://u:hunter2@[hunter2]/",
        "http://u:hunter2@℀/hunter2",
        "http://u:hunter2@/hunter2",
        "http://u:hunter2@h:0/hunter2",
        "http://u:hunter2@a..b/hunter2",
        "hunter2",
        "http://u:hunter2@h\\hunter2",
        "hunter2\ud800",
        "http://hunter2@☃/",
    ],
    ids=ascii,
)
def test_the_error_repeats_nothing_of_the_url(url: str) -> None:
    """A URL may hold a secret anywhere, also one that is wrong."""
    with pytest.raises(InvalidFieldError) as caught:
        check_url(url, "Callback.url")

    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@settings(deadline=None)
@given(st.text(max_size=20), st.text(alphabet="[]@:/?#.%\\ a1\u3002é", max_size=12))
def test_no_text_makes_the_check_raise_anything_else(start: str, host: str) -> None:
    """A text is a good URL or a wrong field."""
    for url in (start, f"http://{host}/", f"http://{start}"):
        try:
            assert check_url(url, "Callback.url") == url
        except InvalidFieldError as error:
            assert error.field == "Callback.url"  # noqa: PT017 - both ends are right


@pytest.mark.parametrize(
    ("headers", "pairs"),
    [
        ({}, ()),
        ({"X-Key": "1", "X-Tab": "a\tb"}, (("X-Key", "1"), ("X-Tab", "a\tb"))),
        ([["X-Key", ""]], (("X-Key", ""),)),
        (iter([("!#$%&'*+-.^_`|~9z", "~ !")]), (("!#$%&'*+-.^_`|~9z", "~ !"),)),
        ({"Authorization": "Bearer x", "Content-Type": "a/b"}, None),
    ],
)
def test_good_headers(headers: Any, pairs: tuple[tuple[str, str], ...] | None) -> None:
    """Headers become pairs in their order."""
    assert check_headers(headers, "Callback.headers") == (pairs or tuple(headers.items()))


_CHARACTER = "has a line break, a control character or a character outside of ASCII; none is allowed"


@pytest.mark.parametrize(
    ("headers", "field", "problem"),
    [
        ("X: 1", "", "must be a mapping or pairs, not str"),
        (b"X", "", "must be a mapping or pairs, not bytes"),
        (5, "", "must be a mapping or pairs, not int"),
        (None, "", "must be a mapping or pairs, not NoneType"),
        (["ab"], "", "must be pairs of a name and a value"),
        ([("a",)], "", "must be pairs of a name and a value"),
        ([("a", "b", "c")], "", "must be pairs of a name and a value"),
        ([1], "", "must be pairs of a name and a value"),
        ({"": "1"}, "", "'' is no header name; allowed are letters, digits and !#$%&'*+-.^_`|~"),
        ({"X Key": "1"}, "", "'X Key' is no header name"),
        ({"X:": "1"}, "", "'X:' is no header name"),
        ({"X\r\nY": "1"}, "", r"'X\r\nY' is no header name"),
        ({"Ü": "1"}, "", r"'\xdc' is no header name"),
        ({"X\n": "1"}, "", r"'X\n' is no header name"),
        ({1: "1"}, "", "1 is no header name"),
        ({"X": 1}, "['X']", "must be text, not int"),
        ({"X": b"1"}, "['X']", "must be text, not bytes"),
        ({"X": None}, "['X']", "must be text, not NoneType"),
        ({"X": "a\rb"}, "['X']", _CHARACTER),
        ({"X": "a\nY: b"}, "['X']", _CHARACTER),
        ({"X": "a\x00"}, "['X']", _CHARACTER),
        ({"X": "a\x7f"}, "['X']", _CHARACTER),
        ({"X": "ü"}, "['X']", _CHARACTER),
        ({"X": "\ud800"}, "['X']", _CHARACTER),
        ({"X": " a"}, "['X']", "has white space at its beginning or end"),
        ({"X": "a\t"}, "['X']", "has white space at its beginning or end"),
        *(
            ({name: "1"}, f"[{name!r}]", f"cannot be set: {why}")
            for lower, why in FORBIDDEN.items()
            for name in (lower, lower.title(), lower.upper())
        ),
    ],
    ids=ascii,
)
def test_bad_headers(headers: Any, field: str, problem: str) -> None:
    """Nothing can end a header, forge another, or frame the message anew."""
    with pytest.raises(InvalidFieldError) as caught:
        check_headers(headers, "Callback.headers")

    assert caught.value.field == f"Callback.headers{field}"
    assert caught.value.problem.startswith(problem)


def test_the_error_repeats_no_value_of_a_header() -> None:
    """Header values are secrets as often as not."""
    for value in ("hunter2\n", " hunter2", "hunter2ü"):
        with pytest.raises(InvalidFieldError) as caught:
            check_headers({"Authorization": value}, "Callback.headers")
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "bare", "user_info"),
    [
        ("https://h/p?q#f", "https://h/p?q#f", None),
        ("https://h/@x", "https://h/@x", None),
        ("https://h?a@b", "https://h?a@b", None),
        ("https://user:pass@h:8080/p?q#f", "https://h:8080/p?q#f", "user:pass"),
        ("https://user@h/", "https://h/", "user:"),
        ("https://:pass@h/", "https://h/", ":pass"),
        ("https://user:@h/", "https://h/", "user:"),
        ("https://us%40er:p%3Aa%2Fss%25@h/", "https://h/", "us@er:p:a/ss%"),
        ("https://a+b:c+d@h/", "https://h/", "a+b:c+d"),
        ("https://u:a:b@h/", "https://h/", "u:a:b"),
        ("https://u:a@b@h/", "https://h/", "u:a@b"),
        ("https://user:pass@[::1]:80/", "https://[::1]:80/", "user:pass"),
        ("https://[::1]/", "https://[::1]/", None),
        ("https://us%C3%BCr:%E5%AF%86@h/", "https://h/", "usür:密"),
        ("https://%FF:x@h/", "https://h/", "\ufffd:x"),
    ],
)
def test_the_user_of_a_url_becomes_a_header(url: str, bare: str, user_info: str | None) -> None:
    """User and password are decoded and leave the URL (RFC 7617)."""
    found, header = split_user_info(url)

    assert found == bare
    if user_info is None:
        assert header is None
    else:
        assert header is not None
        kind, _, encoded = header.partition(" ")
        assert kind == "Basic"
        assert base64.b64decode(encoded).decode() == user_info


def test_basic_authorization_is_that_of_the_rfc() -> None:
    """The examples of RFC 7617, sections 2 and 2.1."""
    assert basic_authorization("Aladdin", "open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    assert basic_authorization("test", "123£") == "Basic dGVzdDoxMjPCow=="


@pytest.mark.parametrize("again", ["X-Key", "x-key"])
def test_a_header_is_given_once(again: str) -> None:
    """Of two, the last would win in silence."""
    with pytest.raises(InvalidFieldError, match="is given more than once"):
        check_headers([("X-Key", "1"), (again, "2")], "headers")
