"""The gate before every connection, over both transports: what was checked is what is called."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alarm_dispatch import AlarmGroup, Callback, Dispatcher, Verdict
from alarm_dispatch.egress import EgressPolicy
from alarm_dispatch.errors import EgressRefusedError, TransportError
from alarm_dispatch.exchange import Reply, Request
from alarm_dispatch.transports.gate import AddressRefusedError, Gate

from ..dispatch.alarms import METRIC_ALARM
from .loopback import failure_of, send
from .network import Wires, dead_end

PUBLIC = "93.184.216.34"
OTHER_PUBLIC = "93.184.216.35"
PUBLIC_IPV6 = "2606:2800:220:1:248:1893:25c8:1946"
STRICT = EgressPolicy.public_only()
LAX = EgressPolicy.internal()
URL = "http://receiver.example/alarms"


@pytest.fixture
def receiver(loopback_receiver: Any, wires: Wires) -> Any:
    """A receiver that public addresses lead to."""
    receiver = loopback_receiver(200)
    for address in (PUBLIC, OTHER_PUBLIC):
        wires.lead(address, receiver.url)
    return receiver


def test_the_checked_address_is_the_one_that_is_called(http, names, wires, receiver):
    """By one lookup, and the receiver is asked for by its name."""
    names.says("receiver.example", [PUBLIC])

    reply = send(http(), "http://receiver.example:8080/alarms", egress=STRICT)

    assert reply.status_code == 200
    assert wires.connected == [PUBLIC]
    assert names.lookups_of("receiver.example") == 1
    assert receiver.requests[0].header("host") == "receiver.example:8080"


@pytest.mark.parametrize(
    ("policy", "answer", "rule"),
    [
        (STRICT, ["127.0.0.1"], "loopback"),
        (STRICT, ["10.0.0.1"], "private network"),
        (STRICT, [PUBLIC, OTHER_PUBLIC, "127.0.0.1"], "loopback"),
        (STRICT, ["127.0.0.1", PUBLIC], "loopback"),
        (STRICT, [PUBLIC, "::1"], "loopback"),
        (STRICT, ["::ffff:127.0.0.1"], "loopback"),
        (STRICT, ["64:ff9b::7f00:1"], "loopback"),
        (LAX, ["169.254.169.254"], "cloud metadata"),
        (LAX, [PUBLIC, "::ffff:169.254.169.254"], "cloud metadata"),
        (LAX, ["fd00:ec2::254", PUBLIC], "cloud metadata"),
        (LAX, ["169.254.1.1"], "link-local"),
        (LAX, ["0.0.0.0"], "unspecified"),
        (LAX, ["::"], "unspecified"),
        (LAX, ["224.0.0.1"], "multicast"),
        (EgressPolicy.internal(deny_networks=["127.0.0.0/8"]), ["127.0.0.1"], "network denied"),
        (EgressPolicy.anything(deny_networks=["127.0.0.0/8"]), ["::ffff:127.0.0.1"], "network denied"),
        (EgressPolicy.internal(allow_networks=["10.0.0.0/8"]), ["10.0.0.1", PUBLIC], "network not allowed"),
    ],
)
def test_one_bad_address_refuses_the_name(http, names, wires, policy, answer, rule):
    """Whichever would be tried first, and nothing is connected to."""
    names.says("receiver.example", answer)

    error = failure_of(http(), "http://receiver.example/alarms?key=hunter2", egress=policy)

    assert isinstance(error, EgressRefusedError)
    assert (error.verdict, error.rule) == (Verdict.REFUSED, rule)
    assert error.url == "http://receiver.example/alarms?key=***"
    assert not any(address in str(error) for address in answer)
    assert wires.connected == []


def test_an_alias_leads_to_addresses_like_any_other(http, names, wires):
    """Whatever it is called on the way."""
    names.says("receiver.example", ["inside.example"])
    names.says("inside.example", [PUBLIC, "192.168.1.1"])

    error = failure_of(http(), URL, egress=STRICT)

    assert error.verdict is Verdict.REFUSED
    assert wires.connected == []


def test_the_address_is_told_to_those_who_ask_for_it(http, names, wires):
    """It would tell a stranger what is inside the network."""
    names.says("receiver.example", ["10.1.2.3"])

    error = failure_of(http(), URL, egress=EgressPolicy.public_only(tell_addresses=True))

    assert "10.1.2.3" in error.reason


@pytest.mark.parametrize(
    "literal", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254"]
)
def test_an_address_in_the_url_passes_the_same_gate(http, wires, literal):
    """Also when nobody checked the URL before."""
    error = failure_of(http(), f"http://{literal}/", egress=STRICT)

    assert error.verdict is Verdict.REFUSED
    assert wires.connected == []


@pytest.mark.parametrize("spelling", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1."])
def test_no_spelling_of_an_address_passes_it(http, wires, spelling):
    """Callbacks call addresses by their plain form; here comes what did not."""
    error = failure_of(http(), f"http://{spelling}/", egress=STRICT)

    assert error.verdict in (Verdict.REFUSED, Verdict.UNREACHABLE)
    assert wires.connected == []


@pytest.mark.parametrize("answers", [[[]], []])
def test_a_name_without_an_address_is_unreachable(http, names, wires, answers):
    """The name is known, but leads nowhere; or it is not known."""
    if answers:
        names.says("receiver.example", *answers)

    error = failure_of(http(), URL, egress=STRICT)

    assert error.verdict is Verdict.UNREACHABLE
    assert error.reason.startswith("name lookup failed: ")
    assert wires.connected == []


async def _each(transport: Any, *requests: Request) -> list[Reply | TransportError]:
    """What comes of the requests, one after the other."""
    ends: list[Reply | TransportError] = []
    try:
        for request in requests:
            deadline = asyncio.get_running_loop().time() + 5
            try:
                ends.append(await transport.send(request, deadline=deadline))
            except TransportError as error:
                ends.append(error)
    finally:
        await transport.aclose()
    return ends


def _request(policy: EgressPolicy, url: str = URL, lane: str = "one") -> Request:
    return Request(url=url, content=b"{}", egress=policy, lane=lane)


def _verdicts(ends: list[Reply | TransportError]) -> list[object]:
    return [end.verdict if isinstance(end, TransportError) else end.status_code for end in ends]


@pytest.mark.parametrize("inside", ["127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1"])
def test_a_name_that_leads_elsewhere_the_second_time(
    http, names, wires, loopback_receiver, monkeypatch, inside
):
    """What the first lookup said counts for its connection only, and each answer is checked."""
    monkeypatch.setattr("alarm_dispatch.transports.aiohttp._ADDRESS_KEPT", 0)
    receiver = loopback_receiver("reset,200")
    wires.lead(PUBLIC, receiver.url)
    names.says("receiver.example", [PUBLIC], [inside])
    url = f"http://receiver.example:{urlsplit(receiver.url).port}/"  # where loopback would be found, too

    ends = asyncio.run(_each(http(), _request(STRICT, url), _request(STRICT, url)))

    assert _verdicts(ends) == [Verdict.UNKNOWN, Verdict.REFUSED]
    assert names.lookups_of("receiver.example") == 2
    assert len(receiver.requests) == 1
    assert set(wires.connected) == {PUBLIC}


def test_uvloop_asks_no_name_server_of_its_own(http, names, loopback_receiver, monkeypatch):
    """Its lookups and connections are made in C; the gate is before both."""
    uvloop = pytest.importorskip("uvloop", reason="the extra fast is not installed, or not for this system")
    monkeypatch.setattr("alarm_dispatch.transports.aiohttp._ADDRESS_KEPT", 0)
    receiver = loopback_receiver("reset,200")
    names.says("receiver.example", ["127.0.0.1"], ["127.0.0.2"])
    url = f"http://receiver.example:{urlsplit(receiver.url).port}/"
    policy = EgressPolicy.internal(deny_networks=["127.0.0.2"])

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        ends = runner.run(_each(http(), _request(policy, url), _request(policy, url)))

    assert _verdicts(ends) == [Verdict.UNKNOWN, Verdict.REFUSED]
    assert names.lookups_of("receiver.example") == 2


def test_a_connection_that_is_kept_needs_no_lookup(http, names, wires, receiver):
    """It goes where it was checked to go."""
    names.says("receiver.example", [PUBLIC], ["127.0.0.1"])

    ends = asyncio.run(_each(http(), *[_request(STRICT)] * 3))

    assert _verdicts(ends) == [200, 200, 200]
    assert names.lookups_of("receiver.example") == 1
    assert wires.connected == [PUBLIC]


def test_no_connection_of_one_policy_is_used_under_another(http, names, wires, loopback_receiver):
    """Nor an address that was found under it; equal policies share both."""
    receiver = loopback_receiver(200)
    names.says("receiver.example", ["127.0.0.1"])
    url = f"http://receiver.example:{urlsplit(receiver.url).port}/"
    policies = (LAX, STRICT, EgressPolicy.internal(), EgressPolicy.internal(deny_networks=["127.0.0.0/8"]))

    ends = asyncio.run(_each(http(), *(_request(policy, url) for policy in policies)))

    assert _verdicts(ends) == [200, Verdict.REFUSED, 200, Verdict.REFUSED]
    assert wires.connected == ["127.0.0.1"]


def test_a_refused_redirect_is_not_even_looked_at(http, names, wires, loopback_receiver):
    """The answer is that of the receiver."""
    receiver = loopback_receiver("redirect,200")
    wires.lead(PUBLIC, receiver.url)
    names.says("receiver.example", [PUBLIC])

    reply = send(http(), URL, egress=STRICT)

    assert 300 <= reply.status_code < 400
    assert wires.connected == [PUBLIC]
    assert names.asked == ["receiver.example"]


def _naming(authority: Any, host: str, asked: list[str | None]) -> ssl.SSLContext:
    """A server's context for a host, which notes what it was asked for."""
    context = authority.server(host)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    return context


def test_tls_is_for_the_name_and_not_for_the_address(http, names, wires, loopback_receiver, authority):
    """The certificate of the URL's host is asked for, and checked."""
    asked: list[str | None] = []
    receiver = loopback_receiver(200, ssl_context=_naming(authority, "receiver.example", asked))
    wires.lead(PUBLIC, receiver.url)
    names.says("receiver.example", [PUBLIC])

    reply = send(http(ca_file=authority.ca_file), "https://receiver.example/", egress=STRICT)

    assert reply.status_code == 200
    assert asked == ["receiver.example"]
    assert receiver.requests[0].header("host") == "receiver.example"


@pytest.mark.parametrize("host", ["other.example", PUBLIC])
def test_a_certificate_for_the_address_is_not_enough(http, names, wires, loopback_receiver, authority, host):
    """Whoever has the address need not be who the name says."""
    receiver = loopback_receiver(200, ssl_context=authority.server(host))
    wires.lead(PUBLIC, receiver.url)
    names.says("receiver.example", [PUBLIC])

    error = failure_of(http(ca_file=authority.ca_file), "https://receiver.example/", egress=STRICT)

    assert "certificate is not valid for 'receiver.example'" in error.reason
    assert receiver.requests == ()


def test_a_dead_address_does_not_eat_the_deadline(http, names, wires, receiver):
    """The next one is tried beside it after a quarter of a second."""
    held, url = dead_end()
    wires.lead(OTHER_PUBLIC, url)
    names.says("receiver.example", [OTHER_PUBLIC, PUBLIC])

    with contextlib.ExitStack() as closing:
        for each in held:
            closing.enter_context(each)
        reply = send(http(), URL, egress=STRICT, timeout=4.0)

    assert reply.status_code == 200
    assert wires.connected == [OTHER_PUBLIC, PUBLIC]


def test_an_address_that_refuses_is_followed_by_the_next_at_once(http, names, wires, receiver):
    """Families take turns."""
    names.says("receiver.example", ["93.184.216.1", "93.184.216.2", PUBLIC, PUBLIC_IPV6])

    reply = send(http(), URL, egress=STRICT)

    assert reply.status_code == 200
    assert wires.connected == ["93.184.216.1", PUBLIC_IPV6, "93.184.216.2", PUBLIC]


def test_no_more_than_some_of_very_many_addresses_are_tried(http, names, wires):
    """All are checked, though."""
    many = [f"93.184.217.{number}" for number in range(100)]
    names.says("receiver.example", many)

    error = failure_of(http(), URL, egress=STRICT)

    assert error.reason == "connection refused"
    assert set(wires.connected) == set(many[:8])


# Networks as the registries of special-purpose addresses have them, apart from the package's own table.
_NEVER = ["0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "fe80::/10", "ff00::/8", "::/128"]
_NEVER += ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "::ffff:203.0.113.0/120"]
_NEVER += ["168.63.129.16/32", "100.100.100.200/32", "fd00:ec2::254/128", "::ffff:169.254.0.0/112"]
_INSIDE = ["10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"]
_INSIDE += ["::1/128", "fc00::/7", "::ffff:127.0.0.0/104", "::ffff:10.0.0.0/104", "64:ff9b::a00:0/104"]
_REFUSED = {"public_only": _NEVER + _INSIDE, "internal": _NEVER}


def _address_of(network: str) -> st.SearchStrategy[str]:
    parsed = ipaddress.ip_network(network)
    return st.integers(0, parsed.num_addresses - 1).map(lambda number: str(parsed[number]))


_ADDRESSES = st.one_of(
    *map(_address_of, [*_NEVER, *_INSIDE, "93.184.0.0/16", "8.8.8.0/24", "2606:2800::/32"]),
    st.ip_addresses().map(str),
)


@pytest.mark.parametrize("preset", sorted(_REFUSED))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(answers=st.lists(st.lists(_ADDRESSES, min_size=1, max_size=4), min_size=1, max_size=3))
def test_no_address_in_a_refused_network_is_ever_connected_to(
    http, names, wires, monkeypatch, preset, answers
):
    """Whatever a name leads to, whatever stands beside it in the answer, and however often it changes."""
    monkeypatch.setattr("alarm_dispatch.transports.aiohttp._ADDRESS_KEPT", 0)
    refused = [ipaddress.ip_network(network) for network in _REFUSED[preset]]
    wires.connected.clear()
    wires.refuse_all = True
    names.says("receiver.example", *answers)

    requests = [_request(getattr(EgressPolicy, preset)())] * len(answers)
    ends = asyncio.run(_each(http(), *requests))

    for address in map(ipaddress.ip_address, wires.connected):
        assert not any(address in network for network in refused)
    for answer, end in zip(answers, ends, strict=True):
        if any(ipaddress.ip_address(address) in network for address in answer for network in refused):
            assert _verdicts([end]) == [Verdict.REFUSED]


@pytest.mark.parametrize(
    ("where", "family"),
    [
        (("127.0.0.1", 80), socket.AF_INET),
        (("127.1", 80), socket.AF_INET),
        (("receiver.example", 80), socket.AF_INET),
        (("::1", 80, 0, 0), socket.AF_INET6),
        (("fe80::1%2", 80, 0, 2), socket.AF_INET6),
    ],
)
def test_no_socket_is_made_for_a_refused_address(where, family):
    """The last look, whatever came before it; text that is no address is none that is allowed."""
    with pytest.raises(AddressRefusedError) as refused:
        Gate(STRICT).socket((family, socket.SOCK_STREAM, 0, "", where))

    assert refused.value.address == where[0]


def test_a_link_local_address_keeps_its_interface(monkeypatch):
    """It means nothing without; other kinds of addresses are none to connect to."""
    answer = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 80, 0, 3)),
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", 80, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80)),
        (socket.AF_UNIX, socket.SOCK_STREAM, 0, "", "/run/socket"),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_options: answer)

    found = asyncio.run(Gate(EgressPolicy.anything()).addresses("receiver.example", 80))

    assert found == ["fe80::1%3", "192.0.2.1", "2001:db8::1"]


def test_a_refused_address_ends_the_delivery(http, names, wires):
    """At the first attempt; a verification too."""
    names.says("receiver.example", ["10.0.0.1"])
    callback = Callback(URL, format="tencent")

    with Dispatcher(transport=http(), egress=STRICT) as dispatcher:
        report = dispatcher.dispatch(METRIC_ALARM, AlarmGroup("oncall", callbacks=[callback]))
        verification = dispatcher.verify(callback)

    (delivery,) = report.deliveries
    assert [attempt.verdict for attempt in delivery.attempts] == ["refused"]
    assert [attempt.verdict for attempt in verification.attempts] == ["refused"]
    assert delivery.attempts[0].reason == f"refused by the egress policy (private network): {URL}"
    assert wires.connected == []


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The names that are looked up, none of which is found."""
    asked: list[object] = []

    def nothing(host: object, *_arguments: object, **_options: object) -> object:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nothing)
    return asked


def test_a_proxy_is_asked_for_no_name_that_it_would_look_up(http, loopback_receiver, lookups):
    """Nobody would see where that leads; the message names the setting."""
    proxy = loopback_receiver(200)

    error = failure_of(http(proxy=proxy.url), URL, egress=STRICT)

    assert (error.verdict, lookups, proxy.requests) == (Verdict.REFUSED, [], ())
    assert error.rule == "name through a proxy"
    assert "names_through_proxy=True" in error.reason


@pytest.mark.parametrize(
    ("policy", "url"),
    [
        (STRICT, f"http://{PUBLIC}/"),
        (EgressPolicy.public_only(names_through_proxy=True), URL),
        (LAX, URL),
    ],
)
def test_the_proxys_own_address_is_not_checked(http, loopback_receiver, lookups, policy, url):
    """It is the operator's own setting, here on loopback."""
    proxy = loopback_receiver(200)

    assert send(http(proxy=proxy.url), url, egress=policy).status_code == 200
    assert proxy.requests[0].target == url
    assert lookups == []


def test_nor_is_what_the_proxys_name_leads_to(http, names, loopback_receiver):
    """Here loopback, while names of receivers may lead to public addresses only."""
    proxy = loopback_receiver(200)
    names.says("proxy.example", ["127.0.0.1"])
    proxied = http(proxy=proxy.url.replace("127.0.0.1", "proxy.example"))

    reply = send(proxied, f"http://{PUBLIC}/", egress=STRICT)

    assert reply.status_code == 200
    assert names.asked == ["proxy.example"]


async def _through_own_client(http: Any, request: Request) -> Reply | TransportError:
    if http.__name__ == "HttpxTransport":
        import httpx

        async with httpx.AsyncClient() as client:
            (end,) = await _each(http(client=client), request)
    else:
        import aiohttp

        connector = aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver())
        async with aiohttp.ClientSession(connector=connector) as session:
            (end,) = await _each(http(session=session), request)
    return end


@pytest.mark.parametrize(
    "policy",
    [
        STRICT,
        EgressPolicy.internal(deny_networks=["10.0.0.0/8"]),
        EgressPolicy.internal(allow_networks=["10.0.0.0/8"]),
        EgressPolicy.anything(deny_networks=["10.0.0.0/8"]),
    ],
)
def test_a_client_of_ones_own_is_given_no_name_when_addresses_matter(http, names, wires, policy):
    """Nobody would see where it connects; the message says what to do."""
    names.says("receiver.example", [PUBLIC])

    end = asyncio.run(_through_own_client(http, _request(policy)))

    assert isinstance(end, EgressRefusedError)
    assert end.rule == "name through a client of your own"
    assert end.reason.endswith(f"; let {http.__name__} make the connections")
    assert (names.asked, wires.connected) == ([], [])


@pytest.mark.parametrize(
    ("policy", "url"), [(LAX, URL), (EgressPolicy.anything(), URL), (STRICT, f"http://{PUBLIC}/")]
)
def test_a_client_of_ones_own_goes_where_the_urls_text_is_enough(http, names, wires, receiver, policy, url):
    """Its name is only a name under the default policy, and an address is an address."""
    names.says("receiver.example", [PUBLIC])

    end = asyncio.run(_through_own_client(http, _request(policy, url)))

    assert _verdicts([end]) == [200]


def test_an_address_that_is_refused_goes_through_neither(http, loopback_receiver, lookups):
    """Neither through a proxy nor a client of one's own, also when nobody checked the URL before."""
    proxy = loopback_receiver(200)
    url = "http://169.254.169.254/latest"

    proxied = failure_of(http(proxy=proxy.url), url)
    carried = asyncio.run(_through_own_client(http, _request(LAX, url)))

    assert (proxied.verdict, *_verdicts([carried])) == (Verdict.REFUSED, Verdict.REFUSED)
    assert proxy.requests == ()
