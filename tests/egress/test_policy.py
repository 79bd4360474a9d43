"""The rules of a policy: what each lets through, what is no rule, and what a refusal tells."""

from __future__ import annotations

import copy
import ipaddress
import pickle
from typing import Any

import attrs
import pytest

from alarm_dispatch import Request, Verdict
from alarm_dispatch.egress import INTERNAL, EgressPolicy
from alarm_dispatch.egress import policy as policy_module
from alarm_dispatch.errors import EgressRefusedError, InvalidFieldError

URL = "http://ops.example.com/"


def rule_of_url(policy: EgressPolicy, url: str) -> str | None:
    """The rule by which the policy refuses a URL."""
    try:
        policy.check_url(url)
    except EgressRefusedError as error:
        return error.rule
    return None


def rule_of_address(policy: EgressPolicy, address: str) -> str | None:
    """The rule by which the policy refuses an address that the host led to."""
    try:
        policy.check_address(address, URL)
    except EgressRefusedError as error:
        return error.rule
    return None


@pytest.mark.parametrize(
    ("rules", "url", "rule"),
    [
        ({"https_only": True}, "http://ops.example.com/", "https only"),
        ({"https_only": True}, "https://ops.example.com/", None),
        ({"https_only": True}, "HTTPS://ops.example.com/", None),
        ({"allow_ports": [443]}, "http://h/", "port not allowed"),
        ({"allow_ports": [443]}, "https://h/", None),
        ({"allow_ports": [80, "8000-8099"]}, "http://h/", None),
        ({"allow_ports": [80, "8000-8099"]}, "http://h:8000/", None),
        ({"allow_ports": [80, "8000-8099"]}, "http://h:8099/", None),
        ({"allow_ports": [80, "8000-8099"]}, "http://h:08080/", None),
        ({"allow_ports": [80, "8000-8099"]}, "http://h:7999/", "port not allowed"),
        ({"allow_ports": [80, "8000-8099"]}, "http://h:8100/", "port not allowed"),
        ({"allow_ports": ["443"]}, "https://h:443/", None),
        ({"deny_ports": [22, "6000-6999"]}, "http://h:22/", "port denied"),
        ({"deny_ports": [22, "6000-6999"]}, "http://h:6379/", "port denied"),
        ({"deny_ports": [22, "6000-6999"]}, "http://h/", None),
        ({"deny_ports": [80], "allow_ports": [80]}, "http://h/", "port denied"),
        ({"allow_hosts": ["ops.example.com"]}, "http://ops.example.com/", None),
        ({"allow_hosts": ["ops.example.com"]}, "http://OPS.Example.com.:8080/", None),
        ({"allow_hosts": ["OPS.Example.COM."]}, "http://ops.example.com/", None),
        ({"allow_hosts": ["ops.example.com"]}, "http://a.ops.example.com/", "host not allowed"),
        ({"allow_hosts": ["ops.example.com"]}, "http://xops.example.com/", "host not allowed"),
        ({"allow_hosts": ["ops.example.com"]}, "http://ops.example.com@evil.example/", "host not allowed"),
        ({"allow_hosts": ["ops.example.com"]}, "http://10.0.0.1/", "host not allowed"),
        ({"allow_hosts": [".example.com"]}, "http://ops.example.com/", None),
        ({"allow_hosts": [".example.com"]}, "http://a.b.example.com./", None),
        ({"allow_hosts": [".example.com"]}, "http://example.com/", "host not allowed"),
        ({"allow_hosts": [".example.com"]}, "http://evilexample.com/", "host not allowed"),
        ({"allow_hosts": [".example.com"]}, "http://example.com.evil.example/", "host not allowed"),
        ({"allow_hosts": ["bücher.example"]}, "http://xn--bcher-kva.example/", None),
        ({"allow_hosts": ["xn--bcher-kva.example"]}, "http://bücher.example/", None),
        ({"allow_hosts": ["10.0.0.1"]}, "http://0xa.1/", None),
        ({"allow_hosts": ["0xa.1"]}, "http://10.0.0.1/", None),
        ({"allow_hosts": ["[fd00::1]", "fd00::2"]}, "http://[fd00:0::1]/", None),
        ({"allow_hosts": ["[fd00::1]", "fd00::2"]}, "http://[FD00::2]/", None),
        ({"allow_hosts": ["::ffff:10.0.0.1"]}, "http://10.0.0.1/", None),
        ({"allow_hosts": ["169.254.169.254"]}, "http://169.254.169.254/", "cloud metadata"),
        ({"deny_hosts": ["evil.example"]}, "http://evil.example/", "host denied"),
        ({"deny_hosts": ["evil.example"]}, "http://EVIL.example./", "host denied"),
        ({"deny_hosts": ["evil.example"]}, "http://a.evil.example/", None),
        ({"deny_hosts": [".evil.example"]}, "http://a.evil.example/", "host denied"),
        ({"deny_hosts": ["10.0.0.1"]}, "http://167772161/", "host denied"),
        ({"deny_hosts": ["a.example"], "allow_hosts": [".example"]}, "http://a.example/", "host denied"),
        ({"allow_networks": ["10.0.0.0/8"]}, "http://10.1.2.3/", None),
        ({"allow_networks": ["10.0.0.0/8"]}, "http://11.1.2.3/", "network not allowed"),
        ({"allow_networks": ["10.0.0.0/8"]}, "http://ops.example.com/", None),
        ({"deny_networks": ["10.0.0.0/8"]}, "http://012.1/", "network denied"),
        ({"exempt_networks": ["169.254.0.0/16"]}, "http://169.254.1.1/", None),
    ],
)
def test_a_rule_for_urls(rules, url, rule):
    """What is refused, and by which rule."""
    assert rule_of_url(EgressPolicy.internal(**rules), url) == rule


@pytest.mark.parametrize(
    ("preset", "rules", "address", "rule"),
    [
        ("internal", {"allow_networks": ["10.0.0.0/8"]}, "10.0.0.1", None),
        ("internal", {"allow_networks": ["10.0.0.0/8"]}, "::ffff:10.0.0.1", None),
        ("internal", {"allow_networks": ["::ffff:10.0.0.0/104"]}, "10.0.0.1", None),
        ("internal", {"allow_networks": ["10.0.0.0/8"]}, "64:ff9b::10.0.0.1", "network not allowed"),
        ("internal", {"allow_networks": ["64:ff9b::/96"]}, "64:ff9b::10.0.0.1", None),
        ("internal", {"allow_networks": ["64:ff9b::/96"]}, "64:ff9b::169.254.1.1", "link-local"),
        ("internal", {"allow_networks": ["169.254.0.0/16"]}, "169.254.1.1", "link-local"),
        ("internal", {"allow_networks": ["::/0"]}, "10.0.0.1", "network not allowed"),
        ("internal", {"deny_networks": ["10.0.0.0/8"]}, "10.0.0.1", "network denied"),
        ("internal", {"deny_networks": ["10.0.0.1"]}, "10.0.0.1", "network denied"),
        ("internal", {"deny_networks": ["10.0.0.1"]}, "10.0.0.2", None),
        ("internal", {"deny_networks": ["10.0.0.0/8"]}, "2002:a00:1::1", "network denied"),
        ("internal", {"deny_networks": ["10.0.0.0/8"]}, "64:ff9b::10.0.0.1", "network denied"),
        ("internal", {"deny_networks": ["::ffff:0:0/96"]}, "8.8.8.8", "network denied"),
        (
            "internal",
            {"deny_networks": ["fd00::/8"], "allow_networks": ["fd00::/8"]},
            "fd00::1",
            "network denied",
        ),
        ("internal", {"exempt_networks": ["169.254.0.0/16"]}, "169.254.1.1", None),
        ("internal", {"exempt_networks": ["169.254.0.0/16"]}, "169.254.169.254", "cloud metadata"),
        ("internal", {"exempt_networks": ["169.254.169.254"]}, "169.254.169.254", None),
        ("internal", {"exempt_networks": ["169.254.169.254/32"]}, "::ffff:169.254.169.254", None),
        ("internal", {"exempt_networks": ["169.254.169.254"]}, "169.254.169.253", "cloud metadata"),
        (
            "internal",
            {"exempt_networks": ["169.254.1.1"], "deny_networks": ["169.254.0.0/16"]},
            "169.254.1.1",
            "network denied",
        ),
        ("internal", {"exempt_networks": ["64:ff9b:1::/48"]}, "64:ff9b:1::1", None),
        ("internal", {"exempt_networks": ["fe80::/10"]}, "fe80::1%eth0", None),
        ("public_only", {"exempt_networks": ["10.0.0.0/8"]}, "10.0.0.1", None),
        ("public_only", {"exempt_networks": ["10.0.0.0/8"]}, "64:ff9b::10.0.0.1", None),
        ("public_only", {"exempt_networks": ["10.0.0.0/8"]}, "2002:a00:1::1", "6to4"),
        ("public_only", {"exempt_networks": ["2002::/16"]}, "2002:a00:1::1", "private network"),
        ("public_only", {"exempt_networks": ["2002::/16", "10.0.0.0/8"]}, "2002:a00:1::1", None),
        ("public_only", {"exempt_networks": ["100.64.0.0/10"]}, "100.100.100.200", "cloud metadata"),
        ("public_only", {"exempt_networks": ["fc00::/7"]}, "fd00:ec2::254", "cloud metadata"),
        ("anything", {}, "169.254.169.254", None),
        ("anything", {}, "ff02::1", None),
        ("anything", {}, "0.0.0.0", None),
        ("anything", {}, "no address", "invalid address"),
        ("anything", {"deny_networks": ["127.0.0.0/8"]}, "127.0.0.1", "network denied"),
        ("anything", {"allow_networks": ["127.0.0.0/8"]}, "10.0.0.1", "network not allowed"),
    ],
)
def test_a_rule_for_addresses(preset, rules, address, rule):
    """What is refused, and by which rule."""
    assert rule_of_address(EgressPolicy(preset=preset, **rules), address) == rule


@pytest.mark.parametrize(
    "url", ["http://localhost/", "http://metadata.google.internal/", "http://169.254.169.254/"]
)
def test_anything_lets_every_host_through(url):
    """It is for tests; the lists still hold."""
    assert rule_of_url(EgressPolicy.anything(), url) is None
    assert rule_of_url(EgressPolicy.anything(deny_hosts=[url[7:-1]]), url) == "host denied"


@pytest.mark.parametrize(
    ("preset", "names", "needs"),
    [("internal", True, False), ("public_only", False, True), ("anything", True, False)],
)
def test_what_a_preset_has_beside_its_networks(preset, names, needs):
    """Whether a proxy may look names up, and whether addresses must be seen; both can be said otherwise."""
    policy = getattr(EgressPolicy, preset)()

    assert policy == EgressPolicy(preset=preset)
    assert (policy.names_through_proxy, policy.needs_addresses) == (names, needs)
    assert EgressPolicy(preset=preset, names_through_proxy=not names).names_through_proxy is not names
    assert EgressPolicy(preset=preset, deny_networks=["10.0.0.0/8"]).needs_addresses
    assert EgressPolicy(preset=preset, allow_networks=["10.0.0.0/8"]).needs_addresses
    assert EgressPolicy(preset=preset, exempt_networks=["10.0.0.0/8"]).needs_addresses is needs


_HOST = 'allowed are "ops.example.com", ".example.com", "10.0.0.1"'
_NETWORK = 'allowed are "10.0.0.0/8", "10.0.0.1", "fd00::/8"'
_PORT = 'allowed are 1 to 65535 and ranges such as "8000-8099"'


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ({"preset": "publik"}, "preset: is 'publik'; allowed are: internal, public_only, anything"),
        ({"preset": 5}, "preset: must be text, not int; allowed are: internal, public_only, anything"),
        ({"allow_hosts": "a.example"}, "allow_hosts: must be a list of host names, not str"),
        ({"deny_hosts": 5}, "deny_hosts: must be a list of host names, not int"),
        ({"deny_hosts": ["a.example", 5]}, "deny_hosts[1]: must be text, not int"),
        ({"deny_hosts": [""]}, f"deny_hosts[0]: is no host: ''; {_HOST}"),
        ({"deny_hosts": ["."]}, f"deny_hosts[0]: is no host: '.'; {_HOST}"),
        ({"deny_hosts": ["*.example.com"]}, f"deny_hosts[0]: is no host: '*.example.com'; {_HOST}"),
        ({"deny_hosts": ["http://h/"]}, f"deny_hosts[0]: is no host: 'http://h/'; {_HOST}"),
        ({"deny_hosts": ["h:80"]}, f"deny_hosts[0]: is no host: 'h:80'; {_HOST}"),
        ({"deny_hosts": ["１.2.3.4"]}, f"deny_hosts[0]: is no host: '\\uff11.2.3.4'; {_HOST}"),
        ({"deny_hosts": ["1.2.3.256"]}, f"deny_hosts[0]: is no host: '1.2.3.256'; {_HOST}"),
        ({"deny_hosts": [".10.0.0.1"]}, "deny_hosts[0]: is an address with a dot before it: '.10.0.0.1'"),
        ({"deny_networks": "10.0.0.0/8"}, "deny_networks: must be a list of networks, not str"),
        ({"deny_networks": [10]}, "deny_networks[0]: must be text, not int"),
        ({"deny_networks": ["10"]}, f"deny_networks[0]: is no network: '10'; {_NETWORK}"),
        ({"deny_networks": ["10.0.0.0/33"]}, f"deny_networks[0]: is no network: '10.0.0.0/33'; {_NETWORK}"),
        ({"deny_networks": ["fe80::%1/64"]}, f"deny_networks[0]: is no network: 'fe80::%1/64'; {_NETWORK}"),
        ({"deny_networks": ["a.example"]}, f"deny_networks[0]: is no network: 'a.example'; {_NETWORK}"),
        (
            {"deny_networks": ["10.0.0.1/8"]},
            "deny_networks[0]: '10.0.0.1/8' has bits beside its network; 10.0.0.0/8 is meant?",
        ),
        ({"allow_ports": 80}, "allow_ports: must be a list of ports, not int"),
        ({"allow_ports": "80"}, "allow_ports: must be a list of ports, not str"),
        ({"allow_ports": [0]}, f"allow_ports[0]: is no port: 0; {_PORT}"),
        ({"allow_ports": [65536]}, f"allow_ports[0]: is no port: 65536; {_PORT}"),
        ({"allow_ports": [True]}, f"allow_ports[0]: is no port: True; {_PORT}"),
        ({"allow_ports": [80.0]}, f"allow_ports[0]: is no port: 80.0; {_PORT}"),
        ({"allow_ports": ["http"]}, f"allow_ports[0]: is no port: 'http'; {_PORT}"),
        ({"allow_ports": ["80-"]}, f"allow_ports[0]: is no port: '80-'; {_PORT}"),
        ({"allow_ports": ["-80"]}, f"allow_ports[0]: is no port: '-80'; {_PORT}"),
        ({"allow_ports": ["90-80"]}, f"allow_ports[0]: is no port: '90-80'; {_PORT}"),
        ({"allow_ports": ["0-80"]}, f"allow_ports[0]: is no port: '0-80'; {_PORT}"),
        ({"allow_ports": ["1-65536"]}, f"allow_ports[0]: is no port: '1-65536'; {_PORT}"),
        ({"allow_ports": ["８０"]}, f"allow_ports[0]: is no port: '\\uff18\\uff10'; {_PORT}"),
        ({"allow_ports": ["9" * 5000]}, None),
        ({"https_only": 1}, "https_only: must be a bool, not int"),
        ({"names_through_proxy": None}, "names_through_proxy: must be a bool, not NoneType"),
        ({"tell_addresses": "yes"}, "tell_addresses: must be a bool, not str"),
    ],
)
def test_what_is_no_rule(rules, told):
    """The error names the entry, and what is allowed."""
    with pytest.raises(InvalidFieldError) as caught:
        EgressPolicy(**rules)

    assert told is None or str(caught.value) == f"EgressPolicy.{told}"


@pytest.mark.parametrize("preset", [EgressPolicy.internal, EgressPolicy.public_only, EgressPolicy.anything])
@pytest.mark.parametrize("name", ["allow_hosts", "allow_networks", "allow_ports"])
@pytest.mark.parametrize("empty", [[], (), frozenset(), iter([])])
def test_a_list_that_allows_nothing_is_refused(preset, name, empty):
    """One that was computed from an empty table would otherwise allow everything."""
    with pytest.raises(InvalidFieldError, match=f"EgressPolicy.{name}: is empty, which would allow nothing"):
        preset(**{name: empty})


def test_rules_are_kept_in_one_spelling():
    """So that two policies that mean the same are equal."""
    one: dict[str, Any] = {
        "allow_hosts": ["OPS.example.com.", ".Bücher.example", "0x7f.1", "[::1]"],
        "deny_networks": [ipaddress.ip_network("10.0.0.0/8"), "10.0.0.1", "FD00:0::/8", "::ffff:1.2.3.4"],
        "allow_ports": [80, "443", "8000-8099", "09000-09001"],
    }
    other: dict[str, Any] = {
        "allow_hosts": ("ops.example.com", ".xn--bcher-kva.example", "127.0.0.1", "::1"),
        "deny_networks": ("10.0.0.0/8", "10.0.0.1/32", "fd00::/8", "1.2.3.4/32"),
        "allow_ports": (80, 443, "8000-8099", "9000-9001"),
    }

    policy = EgressPolicy.internal(**one)

    assert {name: getattr(policy, name) for name in other} == other
    assert policy == EgressPolicy.internal(**other)
    assert hash(policy) == hash(EgressPolicy.internal(**other))
    assert policy != EgressPolicy.public_only(**other)


def test_a_policy_shows_what_was_given():
    """As one would write it."""
    policy = EgressPolicy.public_only(https_only=True, deny_ports=[25])

    assert repr(policy) == "EgressPolicy.public_only(deny_ports=(25,), https_only=True)"
    assert repr(INTERNAL) == "EgressPolicy.internal()"
    assert repr(EgressPolicy.internal(names_through_proxy=False)) == (
        "EgressPolicy.internal(names_through_proxy=False)"
    )
    assert repr(EgressPolicy.public_only(names_through_proxy=True)) == (
        "EgressPolicy.public_only(names_through_proxy=True)"
    )


def test_a_policy_goes_over_a_process_boundary_without_the_urls_that_it_saw():
    """They may hold secrets."""
    policy = EgressPolicy.internal(deny_hosts=["evil.example"], tell_addresses=True)
    policy.check_url("http://ops.example.com/?token=hunter2-hunter2")

    stored = pickle.dumps(policy)

    assert b"hunter2" not in stored
    for again in (pickle.loads(stored), copy.copy(policy), copy.deepcopy(policy), attrs.evolve(policy)):
        assert again == policy
        assert rule_of_url(again, "http://evil.example/") == "host denied"


def test_a_refusal_names_the_rule_and_the_redacted_url():
    """It is a transport's error, with the verdict that is never tried again."""
    url = "http://user:hunter2@169.254.1.1/hooks/0123456789abcdef0123?key=s3cret#part"

    with pytest.raises(EgressRefusedError) as refused:
        INTERNAL.check_url(url)

    error = refused.value
    assert error.verdict is Verdict.REFUSED
    assert (error.rule, error.url, error.address) == (
        "link-local",
        "http://169.254.1.1/hooks/***?key=***",
        None,
    )
    assert str(error) == error.reason
    assert error.reason == "refused by the egress policy (link-local): http://169.254.1.1/hooks/***?key=***"


@pytest.mark.parametrize(
    ("rule", "refuse"),
    [
        ("link-local", lambda policy: policy.check_url("http://169.254.1.1/")),
        ("loopback", lambda policy: policy.check_url("http://localhost/")),
        ("link-local", lambda policy: policy.check_address("169.254.1.1", URL)),
        ("host denied", lambda policy: policy.check_url("http://evil.example/")),
    ],
)
def test_a_rule_is_a_plain_text(rule, refuse):
    """Whatever kind of rule it is, so that a log or a metric shows them all alike."""
    with pytest.raises(EgressRefusedError) as refused:
        refuse(EgressPolicy.public_only(deny_hosts=["evil.example"]))

    assert repr(refused.value.rule) == repr(rule)
    assert repr(pickle.loads(pickle.dumps(refused.value)).rule) == repr(rule)


@pytest.mark.parametrize("value", [5, None, b"http://h/", ["http://h/"], ipaddress.ip_address("10.0.0.1")])
@pytest.mark.parametrize(
    ("field", "check"),
    [
        ("url", INTERNAL.check_url),
        ("address", lambda value: INTERNAL.check_address(value, URL)),
        ("url", lambda value: INTERNAL.check_address("169.254.1.1", value)),
    ],
)
def test_what_is_no_text_is_told(value, field, check):
    """It is no URL that a policy refuses, but a mistake of who asks."""
    with pytest.raises(InvalidFieldError) as caught:
        check(value)

    assert (caught.value.field, caught.value.problem) == (field, f"must be text, not {type(value).__name__}")


@pytest.mark.parametrize("tells", [False, True])
def test_the_address_behind_a_name_is_told_only_where_the_policy_says_so(tells):
    """To a stranger it would tell what is inside the network."""
    policy = EgressPolicy.public_only(tell_addresses=tells)

    with pytest.raises(EgressRefusedError) as refused:
        policy.check_address("::FFFF:10.1.2.3", URL)

    assert refused.value.address == ("10.1.2.3" if tells else None)
    assert ("10.1.2.3" in str(refused.value)) is tells
    assert refused.value.rule == "private network"


def test_a_url_is_decided_once(monkeypatch):
    """A storm asks about the same few over and over; each refusal is an error of its own."""
    asked = []
    real = policy_module.target_of
    monkeypatch.setattr(policy_module, "target_of", lambda *given: asked.append(given[0]) or real(*given))
    policy = EgressPolicy.internal()
    refusals = []

    for _ in range(3):
        policy.check_url(URL)
        with pytest.raises(EgressRefusedError) as refused:
            policy.check_url("http://0/")
        refusals.append(refused.value)

    assert asked == [URL, "http://0/"]
    assert len({id(error) for error in refusals}) == 3


def test_decisions_do_not_fill_the_memory(monkeypatch):
    """URLs that come once each are forgotten in time."""
    monkeypatch.setattr(policy_module, "_MAX_DECIDED", 3)
    policy = EgressPolicy.internal()

    for number in range(10):
        policy.check_url(f"http://h{number}/")
        assert len(policy._decided) <= 3


def test_a_request_has_the_default_policy():
    """Whoever makes one for a transport need not think of it; it shows in no repr."""
    request = Request(url=URL, content=b"")

    assert request.egress is INTERNAL == EgressPolicy.internal()
    assert "egress" not in repr(request)
