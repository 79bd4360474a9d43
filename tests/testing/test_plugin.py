"""The pytest plugin, in runs of pytest of its own, and the names that the package exports."""

import subprocess
import sys

import pytest

import alarm_dispatch.testing

pytest_plugins = ["pytester"]


@pytest.fixture
def inner(pytester, monkeypatch):
    """Runs a test file with this plugin only, whether or not the package is installed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(source):
        pytester.makepyfile(source)
        return pytester.runpytest_inprocess(
            "-p", "alarm_dispatch.testing.plugin", "-p", "no:cacheprovider", "-W", "error"
        )

    return run


def test_the_virtual_clock(inner):
    """A test gets a clock that starts at zero and waits for nothing."""
    result = inner(
        """
        import asyncio

        def test_waits(virtual_clock):
            assert virtual_clock.elapsed == 0.0
            virtual_clock.run(asyncio.sleep(3600))
            assert virtual_clock.elapsed == 3600.0
        """
    )

    result.assert_outcomes(passed=1)


def test_memory_receivers(inner):
    """A test makes as many receivers in memory as it likes."""
    result = inner(
        """
        from alarm_dispatch.exchange import Request

        def test_sends(virtual_clock, memory_receiver):
            one = memory_receiver("500,200", now=virtual_clock.now)
            other = memory_receiver()

            async def main():
                for receiver in (one, one, other):
                    await receiver.transport.send(Request(url=receiver.url, content=b""), deadline=5.0)

            virtual_clock.run(main())

            one.assert_arrivals([0, 0])
            other.assert_arrivals([0])
        """
    )

    result.assert_outcomes(passed=1)


def test_loopback_receivers_are_closed_when_the_test_ends(inner):
    """A test's receivers listen until it ends, and no longer."""
    result = inner(
        """
        import httpx
        import pytest

        urls = []

        def test_sends(loopback_receiver):
            for status in (204, 500):
                receiver = loopback_receiver(status, scripts={"/x": "418"})
                urls.append(receiver.url)
                assert httpx.post(receiver.url, trust_env=False).status_code == status
                assert httpx.post(receiver.url + "/x", trust_env=False).status_code == 418

        @pytest.mark.parametrize("index", [0, 1])
        def test_is_closed(index):
            with pytest.raises(httpx.ConnectError):
                httpx.post(urls[index], trust_env=False)
        """
    )

    result.assert_outcomes(passed=3)


def test_the_plugin_loads_nothing_that_is_not_used():
    """Every run of pytest loads the plugin, so it brings neither a server nor a transport with it."""
    loaded = (
        "import sys, alarm_dispatch; before = set(sys.modules); import alarm_dispatch.testing.plugin;"
        "print(*sorted(name for name in set(sys.modules) - before if name.startswith('alarm_dispatch')))"
    )

    told = subprocess.run([sys.executable, "-c", loaded], check=True, capture_output=True, text=True).stdout

    assert told.split() == ["alarm_dispatch.testing", "alarm_dispatch.testing.plugin"]


def test_the_exported_names():
    """These names are what users rely on; every one of them can be had."""
    assert alarm_dispatch.testing.__all__ == [
        "HostileReceiver",
        "LoopbackReceiver",
        "MemoryOutbox",
        "MemoryReceiver",
        "ScriptedReceiver",
        "VirtualClock",
    ]
    assert all(
        getattr(alarm_dispatch.testing, name).__name__ == name for name in alarm_dispatch.testing.__all__
    )
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        alarm_dispatch.testing.Nothing  # noqa: B018 - the access is the test
