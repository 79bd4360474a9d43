"""What of a URL or a header may be shown."""

from __future__ import annotations

import pickle
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarm_dispatch.errors import AlarmDispatchError, ForeignError, MissingFieldError, SigningError
from alarm_dispatch.redaction import (
    SecretUrl,
    described,
    masked,
    portable_error,
    presentable,
    redact_headers,
    redact_url,
    secrets_in,
    shown_error,
)


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


@pytest.mark.parametrize("mark", ["…", "\\u2026", "k…", "key-…", "a", "a.", "a:", "://"])
def test_marks_without_end_take_no_time(mark: str) -> None:
    """A receiver may fill a body with what looks like a cut or a URL, and the event loop waits meanwhile."""
    text, url = mark * (65_536 // len(mark)), f"https://h/?key={'key-' * 200}"
    began = time.process_time()

    shown = presentable(text, url, ())

    assert time.process_time() - began < 0.5
    assert len(shown) == 200


@given(st.text("ab…", max_size=40), st.text("ab", min_size=5, max_size=9))
def test_no_beginning_of_a_secret_stands_before_a_cut(text: str, secret: str) -> None:
    """However the text repeats it."""
    assert not re.search("|".join(secret[:length] + "…" for length in range(5, 10)), masked(text, [secret]))


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


def test_of_a_secret_url_only_the_host_is_shown() -> None:
    """Any part of its path may be what makes it secret."""
    assert redact_url(SecretUrl("https://u:p@hooks.example.com:8443/T0/B1/x?a=b")) == (
        "https://hooks.example.com:8443/***"
    )


_URL = "https://hans:pass%20word@h.example/0123456789abcdef/p?key=a%2Fb-c&flag-alone#frag-ment"
_BASIC = "Basic aGFuczpvcGVuIHNlc2FtZQ=="


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("hans:pass%20word", "***"),
        ("the password pass word is wrong", "the password *** is wrong"),
        ("no 0123456789abcdef here", "no *** here"),
        ("key a%2Fb-c, key a/b-c", "key ***, key ***"),
        ("flag-alone frag-ment", "*** ***"),
        ("X-Key is k€y-value", "X-Key is ***"),
        (r"in JSON k\u20acy-value", "in JSON ***"),
        ("in a URL k%E2%82%ACy-value", "in a URL ***"),
        (f"you sent {_BASIC}", "you sent ***"),
        ("sesame: open sesame", "sesame: ***"),
        ("Content-Type application/json", "Content-Type application/json"),
        ("odd-value", "***"),
        ("cut off k€y-va…", "cut off ***…"),
        ("escaped k€y-va\\u2026 and pass w…", "escaped ***\\u2026 and ***…"),
        ("too little k€y…", "too little k€y…"),
        ("the word aGFuczpwYXNzIHdvcmQ= of Basic", "the word *** of Basic"),
        ("without its end aGFuczpwYXNzIHdvcmQ", "without its end ***"),
        (r"PHP's JSON a\/b-c, and q\/\u20ac-quote", "PHP's JSON ***, and ***"),
        ("lower a%2fb-c and k%e2%82%acy-value", "lower *** and ***"),
        ("a slash kept q/%E2%82%AC-quote", "a slash kept ***"),
        ("a form's pass+word", "a form's ***"),
        (r"bytes b'k\xe2\x82\xacy-value'", "bytes b'***'"),
        ("HTML &lt;tag&gt; &amp; &#39;q&#39;, &lt;tag&gt; &amp; 'q'", "HTML ***, ***"),
    ],
)
def test_what_a_request_holds_is_not_told(told: str, shown: str) -> None:
    """In whichever form a library or a receiver quotes it."""
    headers = (
        ("X-Key", "k€y-value"),
        ("Authorization", _BASIC),
        ("X-Odd", "Basic odd-value"),
        ("X-Slash", "q/€-quote"),
        ("X-Tag", "<tag> & 'q'"),
        ("Content-Type", "application/json"),
    )

    assert masked(told, secrets_in(_URL, headers)) == shown


def test_what_is_no_url_is_a_secret_as_a_whole() -> None:
    """There is no telling where in it one would stand."""
    assert masked("no http://[secret here", secrets_in("http://[secret")) == "no *** here"


def test_all_of_a_secret_urls_path_is_not_told() -> None:
    """Also parts that look like words."""
    secrets = secrets_in(SecretUrl("https://h.example/hooks/oncall?name-of=b"))

    assert masked("POST /hooks/oncall, hooks, oncall, name-of", secrets) == "POST ***, ***, ***, ***"


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("see https://h.example/a?b=secret.", "see https://h.example/a?b=***."),
        ("'HTTP://u:secret@h.example/'", "'http://h.example/'"),
        ("Bearer abcdef.ghi-jkl= no", "Bearer *** no"),
        ("Basic dXNlcjpwYXNz", "Basic ***"),
        (
            "Basic constraints of CA cert not marked critical",
            "Basic constraints of CA cert not marked critical",
        ),
        ("nothing to hide", "nothing to hide"),
        ("socks5h://u:secret@proxy:1080 refused", "socks5h://proxy:1080 refused"),
        (
            "by postgresql+psycopg://u:secret@db/alarms?password=secret",
            "by postgresql+psycopg://db/alarms?password=***",
        ),
        ("sqlite:///alarms.db and file:///run/alarms", "sqlite:///alarms.db and file:///run/alarms"),
    ],
)
def test_what_looks_like_a_secret_is_not_told(told: str, shown: str) -> None:
    """Also where nothing is known of the request."""
    assert masked(told) == shown


def test_foreign_text_is_short_and_printable() -> None:
    """Whatever a receiver wrote."""
    assert presentable("a\nb" + "c" * 300, "https://h/", ()) == "a�b" + "c" * 196 + "…"
    assert presentable("of the proxy", "https://h/", (), also=["proxy"]) == "of the ***"


class _MuteError(Exception):
    def __str__(self) -> str:
        raise ValueError

    __repr__ = __str__


class _Holding:
    """As a client library's request: it shows little and holds all."""

    def __init__(self) -> None:
        self.headers = {"Authorization": "secret"}

    def __repr__(self) -> str:
        return "<held>"


class _OwnError(AlarmDispatchError):
    """A user's, which cannot even be pickled by itself."""

    def __init__(self, user: str, code: int) -> None:
        super().__init__(f"fine {user}")
        self.held = _Holding()


def _raised(error: BaseException, context: BaseException | None = None, *, quietly: bool = False) -> Any:
    """The error with its traceback and a context, which ``quietly`` keeps out of that."""
    with pytest.raises(type(error)) as caught:
        raise error
    error.__context__, error.__suppress_context__ = context, quietly
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        _raised(ValueError("fine"), KeyError("fine")),
        _raised(ValueError("fine"), KeyError("secret"), quietly=True),
        _raised(ExceptionGroup("fine", [ValueError("fine")])),
        _MuteError(),
    ],
    ids=["plain", "not shown", "group", "mute"],
)
def test_an_error_that_tells_no_secret_is_itself(error: BaseException) -> None:
    """With its causes and all."""
    assert shown_error(error, ["secret"]) is error


def _noted() -> BaseException:
    error = ValueError("fine")
    error.add_note("about secret")
    return error


def _caused(cause: BaseException) -> BaseException:
    error = ValueError("fine")
    error.__cause__ = cause
    return error


def _broken_about(cause: BaseException) -> BaseException:
    error = _MuteError()
    error.__cause__ = cause
    return error


class _PolitelyError(Exception):
    """Says nothing of what it was made of."""

    def __str__(self) -> str:
        return "fine"

    def __repr__(self) -> str:
        return "fine"


def _holding(error: BaseException, **held: object) -> BaseException:
    vars(error).update(held)
    return error


def _circle() -> BaseException:
    error = ValueError("secret")
    error.__cause__ = KeyError("fine")
    error.__cause__.__cause__ = error
    return error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (_raised(ValueError("a secret")), "a ***"),
        (_raised(ValueError("fine"), KeyError("secret")), "fine"),
        (_caused(KeyError("secret")), "fine"),
        (_caused(ExceptionGroup("fine", [KeyError("secret")])), "fine"),
        (_noted(), "fine"),
        (_circle(), "***"),
        (_raised(ValueError("at https://h/?a=b")), "at https://h/?a=***"),
        (_broken_about(KeyError("secret")), ""),
        (_PolitelyError("secret"), "fine"),
        (_holding(ValueError("fine"), headers={"X-Key": "secret"}), "fine"),
        (_holding(ValueError("fine"), __notes__="a secret"), "fine"),
    ],
)
def test_an_error_that_tells_a_secret_is_told_without(error: BaseException, text: str) -> None:
    """By its kind and its masked text, where it was raised, and without what led to it."""
    shown = shown_error(error, ["secret"])

    assert isinstance(shown, ForeignError)
    assert (shown.kind, shown.text) == (type(error).__name__, text)
    assert shown.__traceback__ is error.__traceback__
    assert (shown.__cause__, shown.__context__) == (None, None)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (_holding(ValueError("fine"), request=_Holding()), "ForeignError: ValueError: fine"),
        (_holding(ValueError("fine"), __notes__=[_Holding()]), "ForeignError: ValueError: fine"),
        (ValueError("fine", _Holding()), "ForeignError: ValueError: ('fine', <held>)"),
        (_holding(SigningError("fine"), request=_Holding()), "SigningError: fine"),
        (SigningError(_Holding()), "SigningError: <held>"),
        (MissingFieldError("f", "a", "b"), "MissingFieldError: format f must send 'a', but b is not set"),
        (_OwnError("u", 2), "ForeignError: _OwnError: fine u"),
    ],
)
def test_what_an_error_holds_besides_its_text_is_in_no_pickle(error: BaseException, text: str) -> None:
    """It may be a whole request, with what it shows of itself masked."""
    pickled = pickle.dumps(portable_error(error))

    assert b"secret" not in pickled
    assert described(pickle.loads(pickled)) == text


def test_an_error_without_a_text_is_told_by_its_kind() -> None:
    """Somebody else's, and broken."""
    assert described(_MuteError()) == "_MuteError"


def test_what_only_looks_like_a_beginning_is_passed_over() -> None:
    """The one that reaches to the cut is what was cut off."""
    assert masked("abcde! abcde…", ["abcdefghijklm"]) == "abcde! ***…"
