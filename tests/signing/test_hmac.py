"""The generic HMAC: each shape, against published vectors and its own verifier."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarm_dispatch.errors import InvalidFieldError, SignatureRefusedError, SigningError
from alarm_dispatch.signing import Algorithm, Encoding, HmacSigner, HmacVerifier, Signs

from .keys import CONTENT, NOW

_KEY = "a key that both sides know"
# RFC 4231 and RFC 2202, test case 1 of each.
_RFC_KEY, _RFC_CONTENT = b"\x0b" * 20, b"Hi There"


@pytest.mark.parametrize(
    ("key", "content", "settings", "expected"),
    [
        (
            # From GitHub's documentation on validating webhook deliveries.
            "It's a Secret to Everybody",
            b"Hello, World!",
            {"prefix": "sha256="},
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        ),
        (
            _RFC_KEY,
            _RFC_CONTENT,
            {"algorithm": "sha256"},
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            _RFC_KEY,
            _RFC_CONTENT,
            {"algorithm": "sha384"},
            (
                "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
                "faea9ea9076ede7f4af152e8b2fa9cb6"
            ),
        ),
        (
            _RFC_KEY,
            _RFC_CONTENT,
            {"algorithm": "sha512"},
            (
                "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
                "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"
            ),
        ),
        (
            _RFC_KEY,
            _RFC_CONTENT,
            {"algorithm": "sha1"},
            "b617318655057264e28bc0b6fb378c8ef146be00",
        ),
    ],
    ids=["github", "sha256", "sha384", "sha512", "sha1"],
)
def test_published_vectors(key, content, settings, expected):
    """As others compute them."""
    headers = HmacSigner(key, header="X-Sig", **settings).sign(content, delivery_id="a", attempt=1, at=NOW)

    assert headers == (("X-Sig", expected),)


_SHAPES = list(itertools.product(Algorithm, Encoding, Signs, ["", "v0="], [None, "X-Time"]))


@pytest.mark.parametrize(("algorithm", "encoding", "signs", "prefix", "timestamp_header"), _SHAPES, ids=str)
def test_every_shape(algorithm, encoding, signs, prefix, timestamp_header):
    """Signed as its words say, by an HMAC that is made here."""
    signer = HmacSigner(
        _KEY,
        header="X-Sig",
        algorithm=algorithm,
        encoding=encoding,
        prefix=prefix,
        signs=signs,
        timestamp_header=timestamp_header,
    )
    timestamp = str(int(NOW.timestamp()))
    message = b".".join(
        part
        for part, word in ((b"abc", "{id}"), (timestamp.encode(), "{timestamp}"), (CONTENT, "body"))
        if word in str(signs)
    )
    digest = hmac.digest(_KEY.encode(), message, str(algorithm))

    headers = dict(signer.sign(CONTENT, delivery_id="abc", attempt=1, at=NOW))

    text = digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()
    assert headers.pop("X-Sig") == prefix + text
    assert headers == ({} if timestamp_header is None else {timestamp_header: timestamp})
    assert set(signer.header_names) == {"X-Sig", *headers}


@pytest.mark.parametrize("signs", Signs)
@given(content=st.binary(), key=st.binary(min_size=16, max_size=100), other=st.binary(min_size=16))
def test_the_verifier_takes_what_was_signed_and_nothing_else(signs, content, key, other):
    """With any of its keys; another body, another key, another time or id is refused."""
    signer = HmacSigner(key, header="X-Sig", signs=signs, timestamp_header="X-Time")
    verifier = HmacVerifier(
        other, key, header="x-sig", signs=signs, timestamp_header="x-time", id_header="x-id", now=lambda: NOW
    )
    headers = {"X-Id": "abc", **dict(signer.sign(content, delivery_id="abc", attempt=1, at=NOW))}

    verified = verifier.verify(content, headers)

    assert verified.delivery_id == ("abc" if "{id}" in signs else None)
    assert verified.at == (NOW if "{timestamp}" in signs else None)
    changed: list[tuple[bytes, dict[str, str]]] = [(content + b" ", {})]
    if "{timestamp}" in signs:
        changed.append((content, {"X-Time": str(int(NOW.timestamp()) + 1)}))
    if "{id}" in signs:
        changed.append((content, {"X-Id": "abd"}))
    for body, change in changed:
        with pytest.raises(SignatureRefusedError) as caught:
            verifier.verify(body, {**headers, **change})
        assert caught.value.reason == "wrong signature"


def test_a_body_alone_has_no_window():
    """As nothing tells when it was signed."""
    headers = HmacSigner(_KEY, header="X-Sig").sign(CONTENT, delivery_id="abc", attempt=1, at=NOW)
    later = HmacVerifier(_KEY, header="X-Sig", now=lambda: NOW + timedelta(days=999))

    assert later.verify(CONTENT, headers).at is None


def test_the_library_s_own_headers_are_looked_at_unless_told_otherwise():
    """They come with each request."""
    signer = HmacSigner(_KEY, header="X-Sig", signs="{id}.{timestamp}.{body}")
    own = [("alarm-dispatch-id", "abc"), ("alarm-dispatch-timestamp", str(int(NOW.timestamp())))]
    headers = [*own, *signer.sign(CONTENT, delivery_id="abc", attempt=1, at=NOW)]
    verifier = HmacVerifier(_KEY, header="X-Sig", signs="{id}.{timestamp}.{body}", now=lambda: NOW)

    assert verifier.verify(CONTENT, headers).delivery_id == "abc"


def test_an_id_with_a_full_stop_is_signed_only_where_it_is_not_in_it():
    """Its end could not be told."""
    for signs in Signs:
        signer = HmacSigner(_KEY, header="X-Sig", signs=signs)
        if signs is Signs.ID_TIMESTAMP_BODY:
            with pytest.raises(SigningError, match="has a full stop"):
                signer.sign(CONTENT, delivery_id="a.b", attempt=1, at=NOW)
        else:
            assert signer.sign(CONTENT, delivery_id="a.b", attempt=1, at=NOW)


@pytest.mark.parametrize(
    ("settings", "field", "problem"),
    [
        ({"header": "X Sig"}, "header", "'X Sig' is no header name"),
        ({"header": ""}, "header", "'' is no header name"),
        ({"header": "Content-Length"}, "header", "cannot be set: the transport writes it"),
        ({"header": "Alarm-Dispatch-Id"}, "header", "cannot be set: the library writes it"),
        ({"header": "Content-Type"}, "header", "cannot be Content-Type: every request has that already"),
        ({"timestamp_header": "USER-agent"}, "timestamp_header", "cannot be USER-agent: every request has"),
        ({"prefix": "a\n"}, "prefix", "has a line break"),
        ({"prefix": " a"}, "prefix", "has white space at its beginning"),
        ({"prefix": 5}, "prefix", "must be text, not int"),
        ({"algorithm": "md5"}, "algorithm", "is 'md5'; allowed are: sha256, sha384, sha512, sha1"),
        ({"encoding": "base32"}, "encoding", "is 'base32'; allowed are: hex, base64"),
        (
            {"signs": "{body}.{timestamp}"},
            "signs",
            "is '{body}.{timestamp}'; allowed are: body, {timestamp}.{body}, {id}.{timestamp}.{body}",
        ),
        ({"timestamp_header": "x-SIG"}, "timestamp_header", "is the header of the signature"),
        ({"timestamp_header": "Host"}, "timestamp_header", "cannot be set: the transport writes it"),
    ],
    ids=str,
)
def test_a_wrong_setting(settings: dict[str, Any], field: str, problem: str):
    """Each is told with what is allowed."""
    with pytest.raises(InvalidFieldError) as caught:
        HmacSigner(_KEY, **{"header": "X-Sig", **settings})

    assert caught.value.field == f"HmacSigner.{field}"
    assert caught.value.problem.startswith(problem)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"header": "Host"}, "header"),
        ({"timestamp_header": ""}, "timestamp_header"),
        ({"id_header": ""}, "id_header"),
        ({"tolerance": 0}, "tolerance"),
    ],
)
def test_a_wrong_setting_of_the_verifier(settings: dict[str, Any], field: str):
    """The same, under its own name."""
    with pytest.raises(InvalidFieldError) as caught:
        HmacVerifier(_KEY, **{"header": "X-Sig", **settings})

    assert caught.value.field == f"HmacVerifier.{field}"


def test_a_verifier_needs_a_key():
    """Or it would refuse everything."""
    with pytest.raises(InvalidFieldError, match=r"HmacVerifier\.keys: is empty"):
        HmacVerifier(header="X-Sig")


def test_the_algorithms_are_those_of_hashlib():
    """On every platform."""
    assert set(Algorithm) <= hashlib.algorithms_guaranteed
