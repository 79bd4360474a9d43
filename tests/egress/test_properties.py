"""What holds for every address and every list: the decisions beside a slow model, and each other."""

from __future__ import annotations

import csv
import ipaddress
import socket
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alarm_dispatch.egress import EgressPolicy
from alarm_dispatch.egress.hosts import canonical_host
from alarm_dispatch.egress.registry import REGISTRY, Kind
from alarm_dispatch.errors import EgressRefusedError

from .test_spellings import ADDRESSES, POLICIES

URL = "http://ops.example.com/"

# The registries as IANA writes them, beside what clouds answer on; the package's own table is another.
with (Path(__file__).parent / "registry.tsv").open(encoding="ascii", newline="") as _file:
    IANA = [
        (ipaddress.ip_network(row["block"]), row["globally reachable"] == "yes", row["internal"] == "yes")
        for row in csv.DictReader(_file, delimiter="\t", quoting=csv.QUOTE_NONE)
    ]
METADATA = {ipaddress.ip_network(text)[0] for text, kind, _ in REGISTRY if kind is Kind.METADATA}


def model(address, preset):
    """The decision, worked out slowly: the last row of the smallest block, and all addresses within."""
    if address.version == 6 and address.ipv4_mapped:
        return model(address.ipv4_mapped, preset)
    blocks = [row for row in IANA if row[0].version == address.version and address in row[0]]
    if address in METADATA:
        allowed = False
    elif blocks:
        smallest = max(blocks, key=lambda row: row[0].prefixlen)
        allowed = smallest[1 if preset == "public_only" else 2]
    else:
        allowed = address.version == 4
    return allowed and all(model(within, preset) for within in addresses_within(address))


def addresses_within(address):
    """The IPv4 addresses in an IPv6 one, found in its text rather than its bits."""
    if address.version == 4:
        return
    words = address.exploded.split(":")
    last = ipaddress.IPv4Address(bytes.fromhex(words[6] + words[7]))
    if words[:6] == ["0064", "ff9b", "0000", "0000", "0000", "0000"]:
        yield last
    if words[:6] == ["0000"] * 6 and str(address) not in ("::", "::1"):
        yield last
    if words[4] in ("0000", "0200") and words[5] == "5efe":
        yield last
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo


def allowed(policy, address):
    """Whether the policy lets an address through."""
    try:
        policy.check_address(address, URL)
    except EgressRefusedError:
        return False
    return True


def spelled(url, policy):
    """Whether the policy lets a URL through."""
    try:
        policy.check_url(url)
    except EgressRefusedError:
        return False
    return True


_EDGES = [
    address
    for block, _, _ in IANA
    for address in (block[0], block[-1], *(block[0] - 1 for _ in range(int(block[0]) > 0)))
]
_V4 = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)
_INTERESTING_V4 = st.one_of(
    _V4,
    st.sampled_from([address for address in _EDGES if address.version == 4]),
    st.sampled_from([address for address in sorted(METADATA, key=str) if address.version == 4]),
)
_HIGH = st.sampled_from(
    [
        "::",
        "::ffff:0:0",
        "64:ff9b::",
        "64:ff9b:1::",
        "2001::",
        "2002::",
        "2a00::5efe:0:0",
        "fd00::200:5efe:0:0",
    ]
).map(lambda text: int(ipaddress.IPv6Address(text)))
_EMBEDDING = st.builds(
    lambda high, v4, shift: ipaddress.IPv6Address(high | int(v4) << shift & 2**112 - 1),
    _HIGH,
    _INTERESTING_V4,
    st.sampled_from([0, 64, 80]),
)
_IN_A_BLOCK = st.builds(
    lambda block, offset: block[offset % block.num_addresses],
    st.sampled_from([block for block, _, _ in IANA]),
    st.integers(0, 2**128 - 1),
)
ANY = st.one_of(
    _INTERESTING_V4,
    st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address),
    _EMBEDDING,
    _IN_A_BLOCK,
    st.sampled_from(_EDGES),
    st.sampled_from(sorted(METADATA, key=str)),
)


@pytest.mark.parametrize("preset", POLICIES)
@settings(max_examples=1500)
@given(address=ANY)
def test_the_decision_is_the_models(preset, address):
    """For addresses of every block, at the blocks' edges, and with others within."""
    assert allowed(POLICIES[preset], str(address)) == model(address, preset)


@pytest.mark.parametrize("preset", POLICIES)
def test_the_model_agrees_with_the_table(preset):
    """Two that were written apart from each other."""
    for row in ADDRESSES:
        if row[preset] != "invalid address":
            address = ipaddress.ip_address(row["address"].partition("%")[0])
            assert model(address, preset) == (row[preset] == "allowed"), row


def _number(value, base, zeros, big):
    digits = {8: f"{value:o}", 10: str(value), 16: f"{value:x}"}[base]
    if base == 10:
        return digits
    prefix = {8: "0", 16: "0X" if big else "0x"}[base]
    return prefix + "0" * zeros + (digits.upper() if big else digits)


@st.composite
def spelled_v4(draw):
    """An IPv4 address, and one of its spellings."""
    value = int(draw(_INTERESTING_V4))
    parts = draw(st.integers(1, 4))
    room = 8 * (5 - parts)
    numbers = [value >> 32 - 8 * (index + 1) & 255 for index in range(parts - 1)] + [value & 2**room - 1]
    texts = [
        _number(number, draw(st.sampled_from([8, 10, 16])), draw(st.integers(0, 4)), draw(st.booleans()))
        for number in numbers
    ]
    dot = draw(st.sampled_from([".", ".", "\u3002", "\uff0e", "\uff61"]))
    return ipaddress.IPv4Address(value), dot.join(texts) + draw(st.sampled_from(["", ".", dot]))


@st.composite
def spelled_v6(draw):
    """An IPv6 address, and one of its spellings in brackets."""
    address = draw(ANY.filter(lambda address: address.version == 6))
    text = draw(
        st.sampled_from([address.exploded, address.compressed, ":".join(map("{:x}".format, _words(address)))])
    )
    if draw(st.booleans()):
        head = ":".join(map("{:x}".format, _words(address)[:6]))
        text = f"{head}:{ipaddress.IPv4Address(int(address) & 2**32 - 1)}"
    return address, f"[{text.upper() if draw(st.booleans()) else text}]"


def _words(address):
    # Not of its text: from Python 3.13 on that of a mapped address ends in dotted numbers.
    return [int(address) >> 16 * place & 0xFFFF for place in range(7, -1, -1)]


@pytest.mark.parametrize("preset", POLICIES)
@settings(max_examples=600)
@given(case=st.one_of(spelled_v4(), spelled_v6()), port=st.sampled_from(["", ":80", ":8080"]))
def test_every_spelling_of_an_address_has_its_decision(preset, case, port):
    """In a URL as in a lookup's answer."""
    address, text = case

    assert spelled(f"http://{text}{port}/x", POLICIES[preset]) == model(address, preset)


@settings(max_examples=1000)
@given(
    st.one_of(
        spelled_v4().map(lambda case: case[1]),
        st.lists(
            st.sampled_from(
                ["0", "0x", "1", "8", "9", "255", "256", "65536", "a", "F", ".", ".", "X", "-", "_"]
            ),
            min_size=1,
            max_size=9,
        ).map("".join),
        st.text(st.sampled_from("0123456789abcdefxX."), min_size=1, max_size=20),
    )
)
@example("127.1")
@example("0x7f.1")
@example("1.2.3.4a")
@example("08")
def test_the_c_library_reads_no_address_otherwise(text):
    """What getaddrinfo takes for an address is that address here too, or no host."""
    try:
        theirs = socket.getaddrinfo(text, None, socket.AF_INET, flags=socket.AI_NUMERICHOST)[0][4][0]
    except (OSError, UnicodeError):
        theirs = None
    try:
        host, ours = canonical_host(text)
    except ValueError:
        return

    if theirs is not None:
        assert str(ours) == theirs
    elif ours is not None:
        # Read for what it means, and called in a spelling that every library reads alike.
        assert text.endswith((".", "\u3002", "\uff0e", "\uff61")) or not text.isascii()
    if ours is not None:
        assert host == str(ours)


_NETWORKS = st.lists(
    st.builds(
        lambda address, length: str(
            ipaddress.ip_network((address, min(length, address.max_prefixlen)), strict=False)
        ),
        ANY,
        st.sampled_from([0, 4, 8, 10, 12, 16, 24, 32, 48, 64, 96, 104, 128]),
    ),
    max_size=3,
)
_RULES = st.fixed_dictionaries(
    {"preset": st.sampled_from(["internal", "public_only", "anything"])},
    optional=dict.fromkeys(("allow_networks", "deny_networks", "exempt_networks"), _NETWORKS),
)


@settings(max_examples=800)
@given(rules=_RULES, more=_NETWORKS, address=ANY)
def test_denying_more_never_allows_more(rules, more, address):
    """Whatever the other lists say."""
    stricter = {**rules, "deny_networks": [*rules.get("deny_networks", ()), *more]}

    if allowed(EgressPolicy(**stricter), str(address)):
        assert allowed(EgressPolicy(**rules), str(address))


@settings(max_examples=800)
@given(rules=_RULES, more=_NETWORKS, address=ANY)
def test_exempting_more_never_refuses_more(rules, more, address):
    """Whatever the other lists say."""
    laxer = {**rules, "exempt_networks": [*rules.get("exempt_networks", ()), *more]}

    if allowed(EgressPolicy(**rules), str(address)):
        assert allowed(EgressPolicy(**laxer), str(address))


@settings(max_examples=500)
@given(rules=_RULES, address=ANY)
def test_what_is_denied_is_refused(rules, address):
    """By the address itself, whichever preset and exemption there is."""
    rules = {**rules, "deny_networks": [str(address)], "exempt_networks": [str(address)]}

    assert not allowed(EgressPolicy(**rules), str(address))


@settings(max_examples=500)
@given(address=ANY)
def test_public_only_allows_nothing_that_internal_refuses(address):
    """The one is the stricter."""
    if allowed(POLICIES["public_only"], str(address)):
        assert allowed(POLICIES["internal"], str(address))
