"""Importing the package is cheap: what it offers is imported when it is first asked for."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys

import pytest

import alarm_dispatch


def _run(program: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_importing_the_package_imports_no_library():
    """Neither a client library nor what the models are made of."""
    libraries = {"aiohttp", "asyncio", "attrs", "cattrs", "httpx", "tenacity", "uvloop"}

    assert _run(f"import sys, alarm_dispatch; print(*{libraries!r} & sys.modules.keys())") == []


def test_the_dispatcher_does_not_import_aiohttp():
    """Only who asks for the fast transport needs it."""
    assert _run("import sys; from alarm_dispatch import Dispatcher; print('aiohttp' in sys.modules)") == [
        "False"
    ]


def test_every_name_is_imported_on_demand():
    """One by one, by a star, and as type checkers see them."""
    tree = ast.parse(inspect.getsource(alarm_dispatch))
    (checked,) = [node for node in tree.body if isinstance(node, ast.If)]
    typed = [alias.name for node in checked.body for alias in node.names]

    assert sorted(typed) == alarm_dispatch.__all__ == sorted(alarm_dispatch._HOME_OF)
    assert _run("import alarm_dispatch as a; print(*[n for n in a.__all__ if not getattr(a, n)])") == []
    assert _run("from alarm_dispatch import *; print(Alarm.__name__, Verdict.__name__)") == [
        "Alarm",
        "Verdict",
    ]


def test_the_names_are_listed_before_they_are_imported():
    """By ``dir``, which completion in an editor asks."""
    program = "import alarm_dispatch as a; print(set(a.__all__) <= set(dir(a)), 'Alarm' in vars(a))"

    assert _run(program) == ["True", "False"]


@pytest.mark.parametrize("name", ["errors", "formats"])
def test_modules_that_code_names_whole_are_there(name):
    """``alarm_dispatch.errors.TransportError`` needs no import of its own."""
    assert _run(f"import alarm_dispatch; print(alarm_dispatch.{name}.__name__)") == [f"alarm_dispatch.{name}"]


def test_a_name_that_is_not_there_is_an_attribute_error():
    """As of any module."""
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = alarm_dispatch.Nothing
