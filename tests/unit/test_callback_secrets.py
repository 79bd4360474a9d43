"""What of a callback, and of what became of it, is never shown."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import attrs
import cattrs
import pytest

from alarm_dispatch import AlarmGroup, Callback, DispatchReport, Request
from alarm_dispatch.egress import EgressPolicy
from alarm_dispatch.engine.lanes import Lane
from alarm_dispatch.errors import DispatchFailedError, ForeignError, InvalidFieldError
from alarm_dispatch.formats import BuildContext
from alarm_dispatch.secret import Hidden, Secret
from alarm_dispatch.transports.auth import BasicAuth, BearerAuth
from tests.engine.made import job
from tests.unit.made import NOW, NullTransport, callback, delivery, group, reply

MARK = "5ecret"
OPEN = f"https://{MARK}-user:{MARK}-pass@ops.example.com/a/0123456789{MARK}abcdef?key={MARK}-value#{MARK}"


@pytest.fixture(params=["open", "secret", "env"])
def made(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callback:
    """A callback with a secret in each place, given in each way."""
    monkeypatch.setenv("OPS_URL", OPEN)
    monkeypatch.setenv("OPS_KEY", f"{MARK}-key")
    url: str | Secret = OPEN
    key: str | Secret = f"{MARK}-key"
    if request.param == "secret":
        url, key = Secret(url), Secret(key)
    if request.param == "env":
        url, key = Secret.from_env("OPS_URL"), Secret.from_env("OPS_KEY")
    policy = EgressPolicy.internal(deny_ports=[25])
    policy.check_url(OPEN)
    return callback(url, headers={"X-Key": key}, transport=NullTransport(), egress=policy)


_TOLD = {
    "repr": repr,
    "str": str,
    "name": lambda one: one.name,
    "asdict": lambda one: str(attrs.asdict(one)),
    "astuple": lambda one: str(attrs.astuple(one)),
    "cattrs": lambda one: str(cattrs.unstructure(one)),
    "json": lambda one: json.dumps(cattrs.unstructure(one), default=str),
    "group": lambda one: repr(group(one)) + str(attrs.asdict(group(one))),
    "delivery": lambda one: repr(delivery(callback=one)) + str(attrs.asdict(delivery(callback=one))),
    "pickled delivery": lambda one: str(pickle.dumps(delivery(callback=one))),
    "pickled report": lambda one: str(pickle.dumps(_report(one))),
    "pickled error": lambda one: str(pickle.dumps(DispatchFailedError(_report(one)))),
    "request": lambda one: repr(_request(one)),
    "reply": lambda one: repr(_reply(one)),
    "lane": lambda one: repr(Lane(key=one.lane, name=one.name, settings_of=one)),
    "job": lambda one: repr(attrs.evolve(job(to=one), headers=one.headers_with("text/plain"))),
    "context": lambda one: repr(BuildContext(session_id="a", now=NOW, url=one.url)),
}


def _report(one: Callback) -> DispatchReport:
    return DispatchReport(alarm_id="a", group="b", deliveries=(delivery(callback=one),))


def _reply(one: Callback) -> Any:
    return attrs.evolve(reply(200, MARK.encode()), headers=(("A", MARK),), request=_request(one))


def _request(one: Callback) -> Request:
    return Request(url=one.address, content=b"", headers=one.headers_with("text/plain"), lane=one.lane)


@attrs.frozen
class _TokenTransport(NullTransport):
    """A user's own, that shows what it is made of."""

    token: str


def test_of_a_transport_only_its_kind_is_shown() -> None:
    """Somebody's own may show its token."""
    made = callback(transport=_TokenTransport(MARK))

    assert MARK not in repr(made) + repr(group(made)) + repr(delivery(callback=made))
    assert "transport=<_TokenTransport>" in repr(made)
    assert "transport=None" in repr(callback())


@pytest.mark.parametrize("tell", _TOLD.values(), ids=_TOLD)
def test_nothing_tells_a_secret(tell: Any, made: Callback) -> None:
    """However it is shown, walked through or handed to another process."""
    assert MARK not in tell(made)


def test_what_is_sent_is_whole(made: Callback) -> None:
    """What is hidden is not lost."""
    assert made.url == OPEN
    assert made.headers == (("X-Key", f"{MARK}-key"),)
    assert made.address == OPEN.replace(f"{MARK}-user:{MARK}-pass@", "")
    assert ("X-Key", f"{MARK}-key") in made.headers_with("text/plain")


def test_a_callback_is_itself_when_it_is_copied(made: Callback) -> None:
    """Its transport is shared, and its secrets stay where they are."""
    assert copy.copy(made) is made
    assert copy.deepcopy(group(made)).callbacks[0] is made
    one = delivery(callback=made)
    assert copy.copy(one) is one
    assert copy.deepcopy(_report(made)).deliveries[0].callback.url == OPEN
    assert attrs.evolve(made, limit=1).url == OPEN


def test_a_callback_with_an_open_url_is_pickled_whole() -> None:
    """Who wrote it openly can hand it to another process."""
    made = callback(OPEN, headers={"X-Key": MARK}, limit=3)

    again = pickle.loads(pickle.dumps(made))

    assert again == made
    assert (again.url, again.headers, again.lane) == (made.url, made.headers, made.lane)


def test_a_callback_with_a_secret_is_pickled_by_its_reference_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise its URL would be in the pickle."""
    monkeypatch.setenv("OPS_URL", OPEN)
    referring = callback(Secret.from_env("OPS_URL"))

    pickled = pickle.dumps(referring)

    assert MARK.encode() not in pickled
    assert pickle.loads(pickled) == referring
    with pytest.raises(TypeError, match=r"Secret\.from_env"):
        pickle.dumps(callback(Secret(OPEN)))


def test_a_pickled_delivery_is_there_to_be_looked_at(made: Callback) -> None:
    """Its callback has its name, its format and its masked URL, and nothing to send with."""
    again = pickle.loads(pickle.dumps(delivery(callback=made))).callback

    assert (again.name, again.format, again.limit) == (made.name, made.format, made.limit)
    assert again.url.startswith("https://ops.example.com/")
    assert again.headers == (("X-Key", "***"),)
    assert again.transport is None


def test_the_same_callback_given_openly_and_as_a_secret_is_equal() -> None:
    """And in the same lane; only its name tells less."""
    given = {callback(OPEN, name="ops"), callback(Secret(OPEN), name="ops")}

    assert len(given) == 1
    assert callback(Secret(OPEN)).name == "blueking https://ops.example.com/***"


@pytest.mark.parametrize(
    "error",
    [
        ValueError(f"cannot reach {OPEN}"),
        KeyError(f"{MARK}-key"),
        ValueError("password is " + f"{MARK}-pass"),
    ],
)
def test_an_error_that_tells_a_secret_is_not_kept(error: Exception, made: Callback) -> None:
    """The report tells its kind and what may be told of it."""
    one = delivery(callback=made, error=error)

    assert isinstance(one.error, ForeignError)
    assert one.error.kind == type(error).__name__
    assert MARK not in one.outcome + repr(one) + str(pickle.dumps(one))


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"url": Secret(MARK)}, "must be an http or https URL; its scheme is missing"),
        ({"headers": {"X": Secret(f"{MARK}\n")}}, "has a line break, a control character"),
        ({"headers": {"X": Secret(f" {MARK}")}}, "has white space at its beginning or end"),
        ({"headers": {"X": 5}}, "must be text, not int"),
    ],
)
def test_a_wrong_secret_is_not_repeated(settings: dict[str, Any], problem: str) -> None:
    """The error says what is wrong with it."""
    with pytest.raises(InvalidFieldError) as caught:
        callback(**settings)

    assert caught.value.problem.startswith(problem)
    assert MARK not in str(caught.value)


def test_headers_may_come_from_an_iterator() -> None:
    """It is read once."""
    assert callback(headers=iter([("A", "1"), ("B", Secret("2"))])).headers == (("A", "1"), ("B", "2"))


def test_a_group_holds_what_its_callbacks_hold() -> None:
    """Converters of cattrs find secrets, and no texts."""
    unstructured = cattrs.unstructure(AlarmGroup("a", callbacks=[callback(OPEN, headers={"X": MARK})]))
    (inner,) = unstructured["callbacks"]

    assert inner["_url"] == Secret(OPEN)
    assert [*inner["_headers"]] == [("X", Secret(MARK))]


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        (BasicAuth("user", Secret("pass")), "Basic dXNlcjpwYXNz"),
        (BearerAuth(Secret("token")), "Bearer token"),
    ],
)
def test_a_transports_credentials_may_be_secrets(auth: Any, header: str) -> None:
    """And are secrets when they were given openly."""
    assert auth.header() == header
    assert isinstance(attrs.astuple(type(auth)(*["open"] * len(attrs.fields(type(auth)))))[-1], Secret)


def test_what_was_given_openly_may_be_empty() -> None:
    """A password may be."""
    assert pickle.loads(pickle.dumps(Hidden(""))) == Hidden("")
