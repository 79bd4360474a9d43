"""What a verifier refuses, and why: one table for the reasons, and any bytes and headers at all."""

from __future__ import annotations

import email.message
import hmac
import pickle
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarm_dispatch.errors import InvalidFieldError, SignatureRefusedError
from alarm_dispatch.signing import (
    HmacSigner,
    HmacVerifier,
    SignatureRefusal,
    StandardWebhooks,
    StandardWebhooksVerifier,
)

from .keys import CONTENT, NOW, PRIVATE, PUBLIC, SHARED

_SECOND = int(NOW.timestamp())
_GOOD = dict(StandardWebhooks(SHARED, PRIVATE).sign(CONTENT, delivery_id="abc", attempt=1, at=NOW))
_V1, _V1A = _GOOD["webhook-signature"].split(" ")
_HMAC_KEY = "a key that both sides know"
_HMAC: dict[str, Any] = {"header": "X-Sig", "prefix": "v0=", "signs": "{id}.{timestamp}.{body}"}
_HMAC_GOOD = {
    "Alarm-Dispatch-Id": "abc",
    "Alarm-Dispatch-Timestamp": str(_SECOND),
    **dict(HmacSigner(_HMAC_KEY, **_HMAC).sign(CONTENT, delivery_id="abc", attempt=1, at=NOW)),
}


def _standard(*keys: str, seconds: float = 0.0, **settings: Any) -> StandardWebhooksVerifier:
    return StandardWebhooksVerifier(
        *(keys or (SHARED,)), now=lambda: NOW + timedelta(seconds=seconds), **settings
    )


def _hmac(seconds: float = 0.0) -> HmacVerifier:
    return HmacVerifier(_HMAC_KEY, now=lambda: NOW + timedelta(seconds=seconds), **_HMAC)


@pytest.mark.parametrize(
    ("change", "reason", "told"),
    [
        ({"webhook-id": None}, "missing header", "the header webhook-id is missing"),
        ({"webhook-id": ""}, "missing header", "the header webhook-id is missing"),
        ({"webhook-timestamp": None}, "missing header", "the header webhook-timestamp is missing"),
        ({"webhook-signature": None}, "missing header", "the header webhook-signature is missing"),
        ({"webhook-id": 5}, "missing header", "the header webhook-id is missing"),
        ({"Webhook-Id": "abc"}, "malformed header", "the header webhook-id occurs 2 times"),
        ({"Webhook-Id": b"abc"}, "malformed header", "the header webhook-id occurs 2 times"),
        ({"WEBHOOK-SIGNATURE": _V1}, "malformed header", "the header webhook-signature occurs 2 times"),
        ({"webhook-id": "a.bc"}, "malformed header", "the header webhook-id has a full stop"),
        ({"webhook-id": "abd"}, "wrong signature", "no signature is by any of the keys"),
        ({"webhook-id": "ab\u20acc"}, "wrong signature", "no signature is by any of the keys"),
        ({"webhook-id": "ab\ud800"}, "wrong signature", "no signature is by any of the keys"),
        *(
            (
                {"webhook-timestamp": timestamp},
                "malformed header",
                "the header webhook-timestamp is not a whole number of seconds since 1970",
            )
            for timestamp in ("x", "-1", "1e9", f"{_SECOND}.0", f" {_SECOND}", "9" * 12, "٣٣", f"{_SECOND}\n")
        ),
        ({"webhook-timestamp": str(_SECOND - 1)}, "wrong signature", "no signature is by any of the keys"),
        ({"webhook-timestamp": "0"}, "too old", f"the timestamp is {_SECOND} s old; 300 s are allowed"),
        (
            {"webhook-timestamp": "9" * 11},
            "too new",
            f"the timestamp is {99_999_999_999 - _SECOND} s ahead; 300 s are allowed",
        ),
        *(
            (
                {"webhook-signature": signature},
                "no suitable signature",
                "the header webhook-signature has none of the kinds that the keys are for",
            )
            for signature in ("v1", "x", ",", "v2,AAAA", _V1A, "v1,!", "v1,A", " ", f"V1{_V1[2:]}", "v1,é")
        ),
        ({"webhook-signature": "v1,"}, "wrong signature", "no signature is by any of the keys"),
        ({"webhook-signature": f"{_V1[:-4]}"}, "wrong signature", "no signature is by any of the keys"),
        ({"webhook-signature": "v1,AAAA v1a,AAAA"}, "wrong signature", "no signature is by any of the keys"),
        (
            {"webhook-signature": " ".join(["v1,AAAA"] * 33)},
            "malformed header",
            "the header webhook-signature has more than 32 signatures",
        ),
    ],
    ids=ascii,
)
def test_why_a_request_is_refused(change: dict[str, Any], reason: str, told: str) -> None:
    """The reason is one of the closed set; the words name the header, and not what it holds."""
    headers = {name: value for name, value in {**_GOOD, **change}.items() if value is not None}

    with pytest.raises(SignatureRefusedError) as caught:
        _standard().verify(CONTENT, headers)

    assert caught.value.reason is SignatureRefusal(reason)
    assert str(caught.value) == f"{reason}: {told}"
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize("by_hmac", [False, True])
@pytest.mark.parametrize(
    ("seconds", "reason"),
    [(300, None), (-300, None), (301, "too old"), (-301, "too new"), (300.9, None), (86_400, "too old")],
)
def test_the_window_is_open_on_both_sides(by_hmac: bool, seconds: float, reason: str | None) -> None:
    """300 s, counted in whole ones; of both schemes."""
    verifier, headers = (_hmac(seconds), _HMAC_GOOD) if by_hmac else (_standard(seconds=seconds), _GOOD)

    if reason is None:
        assert verifier.verify(CONTENT, headers).at == NOW
        return
    with pytest.raises(SignatureRefusedError) as caught:
        verifier.verify(CONTENT, headers)
    assert caught.value.reason == reason


@pytest.mark.parametrize("by_hmac", [False, True])
def test_another_id_has_another_signature(by_hmac: bool) -> None:
    """Servers hand on bytes beyond UTF-8 as surrogates; with one in place of a ? it would be no repeat."""
    id_header = "Alarm-Dispatch-Id" if by_hmac else "webhook-id"
    signer: Any = HmacSigner(_HMAC_KEY, **_HMAC) if by_hmac else StandardWebhooks(SHARED)
    verifier = _hmac() if by_hmac else _standard()
    signed = dict(signer.sign(CONTENT, delivery_id="ab?", attempt=1, at=NOW))
    headers = {**_HMAC_GOOD, **signed, id_header: "ab?"}

    assert verifier.verify(CONTENT, headers).delivery_id == "ab?"
    with pytest.raises(SignatureRefusedError, match=r"^wrong signature"):
        verifier.verify(CONTENT, {**headers, id_header: "ab\udcff"})


@pytest.mark.parametrize(
    "verifier",
    [_standard(), _hmac(), HmacVerifier(_HMAC_KEY, header="X-Sig")],
    ids=["standard", "generic", "of the body alone"],
)
@pytest.mark.parametrize("content", ["text", None])
def test_the_content_is_bytes(verifier: Any, content: Any) -> None:
    """A text was decoded by somebody's guess, which the signature does not cover."""
    with pytest.raises(InvalidFieldError) as caught:
        verifier.verify(content, {**_GOOD, **_HMAC_GOOD})

    assert caught.value.field == "content"
    assert caught.value.problem.startswith("must be bytes, the body exactly as it came, not ")


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_a_buffer_is_as_good_as_bytes(kind: Any) -> None:
    """Some servers read bodies into one."""
    assert _standard().verify(kind(CONTENT), _GOOD).delivery_id == "abc"
    assert _hmac().verify(kind(CONTENT), _HMAC_GOOD).delivery_id == "abc"


def test_the_window_is_as_wide_as_one_likes() -> None:
    """In seconds."""
    assert _standard(seconds=59, tolerance=60).verify(CONTENT, _GOOD)
    with pytest.raises(SignatureRefusedError, match="is 61 s old; 60 s are allowed"):
        _standard(seconds=61, tolerance=60).verify(CONTENT, _GOOD)


def test_the_clock_is_the_machines_unless_another_is_given() -> None:
    """The moment of these tests is not now."""
    for verifier, headers in (
        (StandardWebhooksVerifier(SHARED), _GOOD),
        (HmacVerifier(_HMAC_KEY, **_HMAC), _HMAC_GOOD),
    ):
        with pytest.raises(SignatureRefusedError, match=r"^too "):
            verifier.verify(CONTENT, headers)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"X-Sig": None}, "missing header"),
        ({"Alarm-Dispatch-Id": None}, "missing header"),
        ({"Alarm-Dispatch-Timestamp": None}, "missing header"),
        ({"Alarm-Dispatch-Id": "a.c"}, "malformed header"),
        ({"Alarm-Dispatch-Timestamp": "now"}, "malformed header"),
        ({"x-sig": "v0=00"}, "malformed header"),
        ({"X-Sig": _HMAC_GOOD["X-Sig"].removeprefix("v0=")}, "no suitable signature"),
        ({"X-Sig": "v0=xyz"}, "no suitable signature"),
        ({"X-Sig": "v0=é0"}, "no suitable signature"),
        ({"X-Sig": "v0="}, "wrong signature"),
        ({"X-Sig": "v0=00"}, "wrong signature"),
        ({"Alarm-Dispatch-Id": "abd"}, "wrong signature"),
        ({"Alarm-Dispatch-Id": "ab\ud800"}, "wrong signature"),
    ],
    ids=ascii,
)
def test_why_a_generic_hmac_is_refused(change: dict[str, Any], reason: str) -> None:
    """With the same reasons."""
    headers = {name: value for name, value in {**_HMAC_GOOD, **change}.items() if value is not None}

    with pytest.raises(SignatureRefusedError) as caught:
        _hmac().verify(CONTENT, headers)

    assert caught.value.reason is SignatureRefusal(reason)


def _message() -> email.message.Message:
    made = email.message.Message()
    for name, value in _GOOD.items():
        made[name.title()] = value
    return made


@pytest.mark.parametrize(
    "headers",
    [
        _GOOD,
        {name.upper(): value for name, value in _GOOD.items()},
        list(_GOOD.items()),
        [list(pair) for pair in _GOOD.items()],
        [(name.encode(), value.encode()) for name, value in _GOOD.items()],
        {name.encode(): value.encode() for name, value in _GOOD.items()},
        iter(_GOOD.items()),
        _message(),
        [*_GOOD.items(), ("odd",), 5, None, (None, None), ("a", "b", "c")],
    ],
    ids=[
        "mapping",
        "upper case",
        "pairs",
        "lists",
        "bytes",
        "bytes mapping",
        "iterator",
        "http.server",
        "with junk",
    ],
)
def test_headers_come_as_servers_have_them(headers: Any) -> None:
    """WSGI, ASGI, http.server and frameworks all differ."""
    assert _standard().verify(CONTENT, headers).delivery_id == "abc"


_ANYTHING = st.one_of(st.none(), st.integers(), st.text(), st.binary())
_NAMES = st.one_of(_ANYTHING, st.sampled_from([*_GOOD, *_HMAC_GOOD, b"webhook-id", "WEBHOOK-SIGNATURE"]))
_VALUES = st.one_of(
    _ANYTHING,
    st.sampled_from([*_GOOD.values(), *_HMAC_GOOD.values(), str(_SECOND), "v1,", "v1a,AAAA", "v0="]),
    st.from_regex(r"(v1a?,[A-Za-z0-9+/=]* ?)+", fullmatch=True),
)


@given(content=st.binary(), pairs=st.lists(st.tuples(_NAMES, _VALUES), max_size=8))
def test_whatever_arrives_is_taken_or_refused(content: bytes, pairs: list[tuple[Any, Any]]) -> None:
    """Nothing else is raised, and nothing is taken that was not signed."""
    for verifier in (_standard(SHARED, PUBLIC), _hmac()):
        for headers in (pairs, {repr(name): value for name, value in pairs}):
            with pytest.raises(SignatureRefusedError) as caught:
                verifier.verify(content + b"!", headers)
            assert caught.value.reason in SignatureRefusal


@given(content=st.binary(), at=st.integers(0, 3), change=st.integers(1, 255), place=st.integers(0, 63))
def test_a_changed_byte_of_the_signature_is_refused(content: bytes, at: int, change: int, place: int) -> None:
    """Of either kind."""
    import base64

    for sign, check in ((SHARED, SHARED), (PRIVATE, PUBLIC)):
        good = dict(StandardWebhooks(sign).sign(content, delivery_id="abc", attempt=at + 1, at=NOW))
        version, _, text = good["webhook-signature"].partition(",")
        forged = bytearray(base64.b64decode(text))
        forged[place % len(forged)] ^= change
        bad = {**good, "webhook-signature": f"{version},{base64.b64encode(forged).decode()}"}

        assert _standard(check).verify(content, good)
        with pytest.raises(SignatureRefusedError) as caught:
            _standard(check).verify(content, bad)
        assert caught.value.reason == "wrong signature"


@pytest.mark.parametrize("swapped", [f"v1a{_V1[2:]}", f"v1{_V1A[3:]}"])
def test_a_signature_of_one_kind_under_the_others_name_is_refused(swapped: str) -> None:
    """Though there is a key of either kind."""
    with pytest.raises(SignatureRefusedError) as caught:
        _standard(SHARED, PUBLIC).verify(CONTENT, {**_GOOD, "webhook-signature": swapped})

    assert caught.value.reason == "wrong signature"


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hmac.compare_digest, each of them, also behind one that matches."""
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append((a, b)) or compare(a, b))

    _standard(SHARED, "whsec_" + "A" * 40).verify(CONTENT, {**_GOOD, "webhook-signature": f"{_V1} v1,AAAA"})
    HmacVerifier(_HMAC_KEY, "another key, and long", now=lambda: NOW, **_HMAC).verify(CONTENT, _HMAC_GOOD)

    assert len(compared) == 4 + 2
