"""The contract of both receivers, and what each has of its own."""

import asyncio
import contextlib
import socket
import threading

import httpx
import pytest

from alarm_dispatch.errors import TransportError
from alarm_dispatch.exchange import Reply, Request
from alarm_dispatch.testing import LoopbackReceiver, MemoryReceiver, ScriptedReceiver, VirtualClock


class InMemory:
    """Makes receivers in memory and sends to them."""

    def receiver(self, script="confirm", **options):
        return contextlib.nullcontext(MemoryReceiver(script, **options))

    def send(self, receiver, content=b"{}", path=""):
        async def main():
            deadline = asyncio.get_running_loop().time() + 5
            reply = await receiver.transport.send(
                Request(url=receiver.url + path, content=content, headers=(("X-A", "1"),)), deadline=deadline
            )
            return reply.status_code

        try:
            return asyncio.run(main())
        except TransportError:
            return None


class OnLoopback:
    """Makes receivers that listen and sends to them."""

    def receiver(self, script="confirm", **options):
        return LoopbackReceiver(script, **options)

    def send(self, receiver, content=b"{}", path=""):
        try:
            return httpx.post(
                receiver.url + path, content=content, headers={"X-A": "1"}, trust_env=False
            ).status_code
        except httpx.TransportError:
            return None


@pytest.fixture(params=[InMemory, OnLoopback])
def kind(request):
    """One kind of receiver after the other."""
    return request.param()


def test_requests_are_kept(kind):
    """A test can read what came: method, target, headers, body, number, aware time."""
    with kind.receiver("204") as receiver:
        kind.send(receiver, b"[1]", path="/x?y=1")

    (request,) = receiver.requests
    assert (request.number, request.method, request.path.endswith("/x")) == (1, "POST", True)
    assert request.target.endswith("/x?y=1")
    assert request.header("x-a") == "1"
    assert request.json() == [1]
    assert request.received_at.utcoffset() is not None


def test_the_script_is_played(kind):
    """Each request gets its step, faults included."""
    with kind.receiver("500,close,204") as receiver:
        assert [kind.send(receiver) for _ in range(4)] == [500, None, 204, 204]


def test_arrivals_begin_with_the_first_request(kind):
    """Arrivals are seconds after the first request, in their order."""
    with kind.receiver() as receiver:
        assert receiver.arrivals == ()
        kind.send(receiver)
        kind.send(receiver)

    first, second = receiver.arrivals
    assert first == 0.0
    assert 0.0 <= second < 5
    receiver.assert_arrivals([0, 0], within=5)


@pytest.mark.parametrize("expected", [[], [0, 0], [20]])
def test_wrong_arrivals_are_told(kind, expected):
    """The assertion shows what came and what was expected."""
    with kind.receiver() as receiver:
        kind.send(receiver)

    with pytest.raises(AssertionError) as caught:
        receiver.assert_arrivals(expected)

    assert str(caught.value) == f"requests came at [0.0] s, expected at {expected} s"


def test_waiting_ends_when_enough_came(kind):
    """A test can wait for what another thread sends."""
    with kind.receiver() as receiver:
        sender = threading.Thread(target=lambda: [kind.send(receiver) for _ in range(2)])
        sender.start()
        requests = receiver.wait_for(2, timeout=5)
        sender.join()

    assert [request.number for request in requests] == [1, 2]


def test_waiting_in_vain_is_told(kind):
    """The error says how many came."""
    with kind.receiver() as receiver:
        kind.send(receiver)
        with pytest.raises(TimeoutError, match=r"1 of 2 requests came in 0\.01 s"):
            receiver.wait_for(2, timeout=0.01)


def test_both_have_the_same_face(kind):
    """A test that asks for a scripted receiver takes either."""
    members = [name for name in vars(ScriptedReceiver) if not name.startswith("_")]

    with kind.receiver() as receiver:
        assert members
        assert all(hasattr(receiver, name) for name in members)


def test_memory_arrivals_are_exact_under_a_virtual_clock():
    """Waits of 5 and 10 s are asserted to the microsecond, in real time of milliseconds."""
    clock = VirtualClock()
    receiver = MemoryReceiver("500,500,200", now=clock.now)

    async def main():
        for delay in (3, 5, 10):
            await asyncio.sleep(delay)
            await receiver.transport.send(Request(url=receiver.url, content=b""), deadline=clock.elapsed + 5)

    clock.run(main())

    receiver.assert_arrivals([0, 5, 15])
    with pytest.raises(AssertionError):
        receiver.assert_arrivals([0, 5, 15.000001])
    assert (receiver.requests[2].received_at - clock.now()).total_seconds() == 0


def test_a_memory_receiver_can_ask_a_function():
    """A function answers in place of a script, and other URLs can have scripts."""
    receiver = MemoryReceiver(
        lambda request: Reply(status_code=201),
        scripts={"https://other.example/x": "418"},
        url="https://one.example",
    )

    assert InMemory().send(receiver) == 201
    assert receiver.requests[0].target == "/"
    receiver.url = "https://other.example"
    assert InMemory().send(receiver, path="/x") == 418


def test_a_loopback_receiver_has_a_script_per_path():
    """Paths are receivers of their own."""
    with LoopbackReceiver("204", scripts={"/a": "500"}) as receiver:
        assert [OnLoopback().send(receiver, path=path) for path in ("/a", "/b")] == [500, 204]


def test_a_loopback_receiver_ends_with_peers_hanging():
    """Closing does not wait for a peer that waits for an answer, and may be done twice."""
    with LoopbackReceiver("timeout") as receiver:
        address = receiver.url.removeprefix("http://").split(":")
        with socket.create_connection((address[0], int(address[1])), timeout=5) as peer:
            peer.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            receiver.wait_for(1, timeout=5)
            receiver.close()
            with contextlib.suppress(ConnectionResetError):
                assert peer.recv(1) == b""

    assert len(receiver.requests) == 1
    with pytest.raises(RuntimeError, match="does not listen"):
        receiver.wait_for(1, timeout=1)


def test_a_taken_port_is_an_error_and_leaves_no_thread():
    """What cannot start raises where it was started, and is gone."""
    with LoopbackReceiver() as receiver:
        threads = threading.active_count()
        port = int(receiver.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            LoopbackReceiver(port=port).start()
        assert threading.active_count() == threads
