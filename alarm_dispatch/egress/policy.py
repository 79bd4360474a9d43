"""Whether a URL or an address may be called."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict, Unpack

from attrs import Factory, field, fields, frozen

from alarm_dispatch import values
from alarm_dispatch.egress.hosts import Address, parse_address, text_of
from alarm_dispatch.egress.lists import (
    Network,
    address_in,
    as_hosts,
    as_networks,
    as_ports,
    host_in,
    networks_of,
    port_in,
)
from alarm_dispatch.egress.registry import Kind, embedded, kind_of
from alarm_dispatch.egress.urls import Target, target_of
from alarm_dispatch.errors import EgressRefusedError, InvalidFieldError
from alarm_dispatch.redaction import redact_url
from alarm_dispatch.service_urls import is_service_url

__all__ = ["INTERNAL", "EgressPolicy", "EgressRules", "Preset"]


class Preset(enum.StrEnum):
    """What a policy starts from."""

    INTERNAL = "internal"
    """For callers inside a network: private, loopback and shared addresses may be called as well."""
    PUBLIC_ONLY = "public_only"
    """For URLs that strangers enter: nothing but what everybody on the internet can reach."""
    ANYTHING = "anything"
    """For tests: every address."""


# What the presets let through.  6to4 and Teredo are in no registry as globally reachable; whoever reaches
# them from inside is let through to where the embedded address may be called too.
_ALLOWED = {
    Preset.PUBLIC_ONLY: frozenset({Kind.PUBLIC}),
    Preset.INTERNAL: frozenset(
        {Kind.PUBLIC, Kind.PRIVATE, Kind.LOOPBACK, Kind.SHARED, Kind.SIX_TO_FOUR, Kind.TEREDO}
    ),
    Preset.ANYTHING: frozenset(Kind),
}

# Names that lead to such addresses wherever they are looked up: a proxy's answer is never seen.
_LOOPBACK_NAMES = (
    "localhost",
    ".localhost",
    "localhost.localdomain",
    "localhost4",
    "localhost6",
    "localhost4.localdomain4",
    "localhost6.localdomain6",
    "ip6-localhost",
    "ip6-loopback",
)
_METADATA_NAMES = (
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    ".metadata.goog",
    "metadata.tencentyun.com",
    "metadata.platformequinix.com",
    "metadata.packet.net",
    "instance-data",
    "instance-data.ec2.internal",
    "rancher-metadata",
    "rancher-metadata.rancher.internal",
)

# Decisions on URLs that a policy remembers; a storm asks about the same few over and over.
_MAX_DECIDED = 4096


class EgressRules(TypedDict, total=False):
    """The keywords that every preset takes."""

    allow_hosts: Iterable[str]
    deny_hosts: Iterable[str]
    allow_networks: Iterable[str]
    deny_networks: Iterable[str]
    exempt_networks: Iterable[str]
    allow_ports: Iterable[int | str]
    deny_ports: Iterable[int | str]
    https_only: bool
    names_through_proxy: bool
    tell_addresses: bool


def check_not_empty(rules: Mapping[str, Any]) -> None:
    """Nothing, or InvalidFieldError for a list of what is allowed that allows nothing.

    Whoever computes one from an empty table would open what he meant to close.
    """
    for name in ("allow_hosts", "allow_networks", "allow_ports"):
        given = rules.get(name)
        if given is not None and hasattr(given, "__len__") and not len(given):
            told = "is empty, which would allow nothing; leave it out to allow what the preset does"
            raise InvalidFieldError(f"EgressPolicy.{name}", told)


def _preset(value: Preset | str) -> Preset:
    return values.enum_member(Preset, value, "EgressPolicy.preset")


def _hosts(name: str) -> Any:
    return field(default=(), converter=as_hosts(f"EgressPolicy.{name}"))


def _networks(name: str) -> Any:
    return field(default=(), converter=as_networks(f"EgressPolicy.{name}"))


def _ports(name: str) -> Any:
    return field(default=(), converter=as_ports(f"EgressPolicy.{name}"))


def _asks_proxies(preset: Preset) -> bool:
    return preset is not Preset.PUBLIC_ONLY


def _flag() -> Any:
    return field(default=False, validator=values.instance(bool))


class _Remembering:
    """What a policy remembers.

    No field, since URLs may hold secrets: whoever goes through the fields (:func:`attrs.asdict`) sees rules.
    """

    __slots__ = ("_decided",)

    _decided: dict[str, str]


@frozen(kw_only=True, repr=False, cache_hash=True)
class EgressPolicy(_Remembering):
    """Which URLs and addresses may be called; made by one of its presets, with any of the rules beside it.

    ``allow_hosts`` and ``deny_hosts`` hold names (``"ops.example.com"``), suffixes (``".example.com"``: what
    is below it, not the name itself) and addresses in any spelling; with ``allow_hosts`` every other host is
    refused.  ``allow_networks`` and ``deny_networks`` hold networks (``"10.0.0.0/8"``) and addresses; with
    ``allow_networks`` every other address is refused.  ``exempt_networks`` lets addresses through although
    the preset refuses them; a cloud's metadata address only when it is given by itself.  ``allow_ports`` and
    ``deny_ports`` hold numbers and ranges (``"8000-8099"``).  What is denied stays denied, whatever else
    allows it.

    ``https_only`` refuses http.  ``names_through_proxy`` says whether a proxy may be asked to look a name
    up, where no address can be checked; only ``public_only`` says no.  ``tell_addresses`` lets a refusal name
    the address that a name led to.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """

    preset: Preset = field(default=Preset.INTERNAL, converter=_preset)
    allow_hosts: tuple[str, ...] = _hosts("allow_hosts")
    deny_hosts: tuple[str, ...] = _hosts("deny_hosts")
    allow_networks: tuple[str, ...] = _networks("allow_networks")
    deny_networks: tuple[str, ...] = _networks("deny_networks")
    exempt_networks: tuple[str, ...] = _networks("exempt_networks")
    allow_ports: tuple[int | str, ...] = _ports("allow_ports")
    deny_ports: tuple[int | str, ...] = _ports("deny_ports")
    https_only: bool = _flag()
    names_through_proxy: bool = field(
        default=Factory(lambda self: _asks_proxies(self.preset), takes_self=True),
        validator=values.instance(bool),
    )
    tell_addresses: bool = _flag()
    _allow: tuple[Network, ...] = field(init=False, eq=False)
    _deny: tuple[Network, ...] = field(init=False, eq=False)
    _exempt: tuple[Network, ...] = field(init=False, eq=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_decided", {})

    @_allow.default
    def _(self) -> tuple[Network, ...]:
        return networks_of(self.allow_networks)

    @_deny.default
    def _(self) -> tuple[Network, ...]:
        return networks_of(self.deny_networks)

    @_exempt.default
    def _(self) -> tuple[Network, ...]:
        return networks_of(self.exempt_networks)

    @classmethod
    def internal(cls, **rules: Unpack[EgressRules]) -> EgressPolicy:
        """For monitoring that calls its own network; the default.

        Public, private, loopback and shared (CGNAT) addresses may be called.  Refused are link-local, cloud
        metadata, multicast, broadcast, unspecified, documentation and reserved ones.
        """
        return cls._with(Preset.INTERNAL, rules)

    @classmethod
    def public_only(cls, **rules: Unpack[EgressRules]) -> EgressPolicy:
        """For services where strangers enter URLs: only globally reachable unicast addresses.

        As the registries of special-purpose addresses have it (RFC 6890).
        """
        return cls._with(Preset.PUBLIC_ONLY, rules)

    @classmethod
    def anything(cls, **rules: Unpack[EgressRules]) -> EgressPolicy:
        """For tests: any address, though the lists still hold."""
        return cls._with(Preset.ANYTHING, rules)

    @classmethod
    def _with(cls, preset: Preset, rules: EgressRules) -> EgressPolicy:
        made = cls(preset=preset, **rules)  # type: ignore[arg-type]  # the converters take any list
        # What was read of the lists, as nobody sees before whether an iterator has anything.
        check_not_empty({name: getattr(made, name) for name in rules})
        return made

    @property
    def needs_addresses(self) -> bool:
        """Whether a name may only be called where its addresses are seen: ``public_only``, or networks."""
        return self.preset is Preset.PUBLIC_ONLY or bool(self._allow or self._deny)

    @property
    def leaves_apprise_free(self) -> bool:
        """Whether Apprise may be called, whose connections nobody here sees: no rule could be kept there."""
        lists = (self.allow_hosts, self.deny_hosts, self.allow_ports, self.deny_ports)
        return not (self.needs_addresses or self.https_only or any(lists))

    def check_url(self, url: str) -> None:
        """Nothing when the URL may be called as far as its text tells.

        That is its scheme, its port, its host's name, and its address when the host is one in any spelling.
        Of a URL for Apprise it is :attr:`leaves_apprise_free`.  Raises
        :class:`~alarm_dispatch.errors.EgressRefusedError`, and
        :class:`~alarm_dispatch.errors.InvalidFieldError` for what is no text.
        """
        _check_is_text(url, "url")
        if is_service_url(url):
            if not self.leaves_apprise_free:
                hint = "for a URL that you trust, give its callback egress=EgressPolicy.anything()"
                raise EgressRefusedError("through Apprise", redact_url(url), hint=hint)
            return
        rule = self._decided.get(url)
        if rule is None:
            rule = self._url_rule(url)
            if len(self._decided) >= _MAX_DECIDED:
                self._decided.clear()
            self._decided[url] = rule
        if rule:
            raise self.refusal(rule, url)

    def check_address(self, address: str, url: str) -> None:
        """Nothing when this address, which a lookup of the URL's host answered, may be called.

        Raises :class:`~alarm_dispatch.errors.EgressRefusedError`, also for text that is no address, and
        :class:`~alarm_dispatch.errors.InvalidFieldError` for what is no text.
        """
        _check_is_text(address, "address")
        _check_is_text(url, "url")
        try:
            parsed = parse_address(address)
        except ValueError:
            raise self.refusal("invalid address", url) from None
        rule = self._address_rule(parsed)
        if rule:
            raise self.refusal(rule, url, text_of(parsed))

    def refusal(self, rule: str, url: str, address: str | None = None) -> EgressRefusedError:
        """The error that refuses a URL by a rule; it names the address only if the policy does."""
        return EgressRefusedError(rule, redact_url(url), address if self.tell_addresses else None)

    def _url_rule(self, url: str) -> str:
        """The rule that refuses the URL, "" when none does."""
        try:
            target = target_of(url, "url")
        except InvalidFieldError:
            return "invalid URL"
        if self.https_only and target.scheme != "https":
            return "https only"
        if port_in(self.deny_ports, target.port):
            return "port denied"
        if self.allow_ports and not port_in(self.allow_ports, target.port):
            return "port not allowed"
        return self._host_rule(target)

    def _host_rule(self, target: Target) -> str:
        if host_in(self.deny_hosts, target.host):
            return "host denied"
        if self.allow_hosts and not host_in(self.allow_hosts, target.host):
            return "host not allowed"
        if target.address is not None:
            return self._address_rule(target.address)
        for kind, names in ((Kind.METADATA, _METADATA_NAMES), (Kind.LOOPBACK, _LOOPBACK_NAMES)):
            if kind not in _ALLOWED[self.preset] and host_in(names, target.host):
                return kind
        return ""

    def _address_rule(self, address: Address) -> str:
        """The rule that refuses the address, or one that is embedded in it; "" when none does."""
        # The embedded ones first: "cloud metadata" tells more than "6to4".
        faces = (*embedded(address), address)
        if any(address_in(self._deny, face) for face in faces):
            return "network denied"
        if self._allow and not address_in(self._allow, address):
            return "network not allowed"
        for face in faces:
            kind = kind_of(face)
            if kind not in _ALLOWED[self.preset] and not address_in(
                self._exempt, face, alone=kind is Kind.METADATA
            ):
                return kind
        return ""

    def __repr__(self) -> str:
        usual = EgressPolicy(preset=self.preset)._rules()
        given = (f"{name}={value!r}" for name, value in self._rules().items() if value != usual[name])
        return f"EgressPolicy.{self.preset}({', '.join(given)})"

    def __reduce__(self) -> tuple[Any, tuple[Mapping[str, Any]]]:
        # Without the decisions: the URLs among them may hold secrets.
        return _made, (self._rules(),)

    def _rules(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(EgressPolicy) if one.init}


def _check_is_text(value: object, field: str) -> None:
    # No more than that: other text that is none of UTF-8's is refused like any other that is no URL.
    if not isinstance(value, str):
        raise InvalidFieldError(field, f"must be text, not {type(value).__name__}")


def _made(rules: Mapping[str, Any]) -> EgressPolicy:
    return EgressPolicy(**rules)


INTERNAL = EgressPolicy.internal()
"""The default, shared so that its decisions are."""
