"""What of a URL or a header may be shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarm_dispatch.redaction import redact_headers, redact_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ops.example.com/alarms", "https://ops.example.com/alarms"),
        ("https://ops.example.com", "https://ops.example.com"),
        ("https://ops.example.com:8443/a/", "https://ops.example.com:8443/a/"),
        ("https://user:secret@ops.example.com/a", "https://ops.example.com/a"),
        ("https://secret@ops.example.com/a", "https://ops.example.com/a"),
        ("https://u:sec@ret@ops.example.com/a", "https://ops.example.com/a"),
        ("https://user:secret@[::1]:80/", "https://[::1]:80/"),
        ("https://h/a?key=secret", "https://h/a?key=***"),
        ("https://h/a?a=secret&b=secret=secret", "https://h/a?a=***&b=***"),
        ("https://h/a?secret", "https://h/a?***"),
        ("https://h/a?a=&secret", "https://h/a?a=***&***"),
        ("https://h/a?a=1;b=secret", "https://h/a?a=***"),
        ("https://h/?c2VjcmV0LXRva2VuLTEyMw=", "https://h/?***=***"),
        ("https://h/a#secret", "https://h/a"),
        ("https://h/v1/0123456789abcdef0123/alarm", "https://h/v1/***/alarm"),
        ("https://h/hook/4f9c1f0e-8a53-4d55-9d3b-3f1c8c1f0e2a", "https://h/hook/***"),
        (
            "https://api.telegram.org/bot123456:ABC-DEF1234ghIkl-zyx57W2v1u/sendMessage",
            "https://api.telegram.org/***/sendMessage",
        ),
        ("https://h/a;token=0123456789abcdef0123", "https://h/***"),
        ("https://h/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "https://h/***"),
        ("https://h/notificationreceivers", "https://h/notificationreceivers"),
        ("https://h/deadbeefdeadbeef", "https://h/deadbeefdeadbeef"),
        ("https://h/0123456789abcdef", "https://h/***"),
        ("https://h/a-long-name-of-some-words", "https://h/a-long-name-of-some-words"),
        ("https://h/012345678901234567890123", "https://h/***"),
        ("https://h/abc123", "https://h/abc123"),
        ("https://例え.jp/路径", "https://例え.jp/路径"),
        ("http:u:secret@h/", "***"),
        ("secret", "***"),
        ("/secret", "***"),
        ("http://u:secret@/secret", "***"),
        ("http://[secret", "***"),
        ("http://u:secret/secret@h/", "***"),
        ("http://u:secret?secret@h/", "***"),
        ("", "***"),
    ],
)
def test_urls(url: str, shown: str) -> None:
    """User, password, query values, fragment and long path tokens are hidden."""
    assert redact_url(url) == shown


@given(st.text(), st.text(), st.text(), st.text())
def test_no_part_that_hides_a_secret_shows_it(user: str, password: str, value: str, fragment: str) -> None:
    """Whatever stands around it, a marked secret is never seen."""
    mark = "5ecret5ecret5ecret5ecret"
    url = f"https://{user}:{mark}{password}@h/p/{mark}?a={value}{mark}#{fragment}{mark}"

    assert mark not in redact_url(url)


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ((), "()"),
        ((("X-Key", "secret"),), "(X-Key: ***)"),
        ((("X-Key", "secret"), ("A", "")), "(X-Key: ***, A: ***)"),
    ],
)
def test_headers(headers: tuple[tuple[str, str], ...], shown: str) -> None:
    """Only the names of headers are shown."""
    assert redact_headers(headers) == shown
