"""What is checked is what is called: the client libraries read the URL of a callback as it was read here."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alarm_dispatch.callbacks import Callback
from alarm_dispatch.egress.urls import target_of
from alarm_dispatch.errors import InvalidFieldError

from .test_spellings import URLS, unescaped

PIECES = [
    *"abz019.:/?#@[]%;,&=+$!*'()~_-\\^|`{}<>\" \t\n",
    *(
        "127.0.0.1",
        "0x7f.1",
        "2130706433",
        "::1",
        "::ffff:a00:1",
        "fe80::1%25eth0",
        "localhost",
        "example.com",
    ),
    *(
        "user:pw@",
        ":80",
        ":443",
        ":0080",
        ":",
        "//",
        "http://",
        "https://",
        "%2e",
        "%40",
        "%00",
        "xn--bcher-kva",
    ),
    *(
        "。",
        "．",
        "｡",
        "１",
        "①",
        "ü",
        "ß",
        "İ",
        "\u212a",
        "ſ",
        "\u200b",
        "\u00ad",
        "℀",
        "／",
        "＠",
        "：",
        "a\u0301",
    ),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
SCHEMES = st.sampled_from(["http://", "https://", "HTTP://"])


def agree(url: str) -> None:
    """All libraries find the host, the port and the scheme that were decided on."""
    target = target_of(url, "url")
    address = Callback(url, format="tencent").address

    assert address == target.url
    by_httpx = httpx.URL(address)
    assert (by_httpx.scheme, by_httpx.raw_host.decode()) == (target.scheme, target.host)
    assert by_httpx.port in (target.port, None)
    assert by_httpx.userinfo == b""
    by_urllib = urlsplit(address)
    assert (by_urllib.hostname, by_urllib.username) == (target.host, None)
    yarl = pytest.importorskip("yarl")
    by_yarl = yarl.URL(address)
    assert (by_yarl.scheme, by_yarl.raw_host, by_yarl.port) == (target.scheme, target.host, target.port)
    assert by_yarl.user is None


@pytest.mark.parametrize(
    "url", [unescaped(row["url"]) for row in URLS if row["internal"] != "invalid"], ids=ascii
)
def test_the_libraries_read_the_tables_urls_alike(url):
    """Those that a callback takes."""
    agree(url)


@settings(max_examples=3000)
@given(SCHEMES, TEXTS)
@example("http://", "a@b@c")
@example("http://", "example.com#@127.0.0.1/")
@example("http://", "[::ffff:1.2.3.4]:80")
@example("http://", "a?b@c/d")
def test_the_libraries_read_any_url_alike(scheme, rest):
    """Either it is no URL of a callback, or there is one reading."""
    try:
        target_of(scheme + rest, "url")
    except InvalidFieldError:
        return

    agree(scheme + rest)


@settings(max_examples=1000)
@given(st.text(max_size=30))
def test_any_text_is_a_url_or_a_plain_error(text):
    """Whatever is typed in."""
    try:
        target = target_of(f"http://{text}", "url")
    except InvalidFieldError:
        return

    assert target_of(target.url, "url") == target
