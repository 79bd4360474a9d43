# ruff: noqa: E501 - a case of these tables is one template, whatever its length
"""Templates that want more than an alarm's body: out of the sandbox, for ever, or all of the memory."""

from __future__ import annotations

import time
import tracemalloc
import typing

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alarm_dispatch.errors import BuildError, InvalidFieldError
from alarm_dispatch.formats.template import Format
from tests.formats.alarms import METRIC_ALARM
from tests.formats.samples import context

_STEPS = "goes through more than 50,000 parts of the template in its loops"
_CHARACTERS = "takes more than 16,000,000 characters through its operations"
_ITEMS = "takes more than 50,000 values of lists through its operations"
_RESULT = "a result is larger than any JSON number may be"
_LITERAL = "has a number that is larger than any JSON number may be"
_DOUBLED = "{% set a = a ~ a %}" * 40


def refused(text: str) -> str:
    """Why it is refused, when it is made."""
    with pytest.raises(InvalidFieldError) as caught:
        Format(text=text, content_type="text/plain")
    return caught.value.problem


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ alarm['__class__'] }}",
        "{{ alarm.id.__class__ }}",
        "{{ (1).__class__ }}",
        "{{ [].__class__.__base__ }}",
        "{{ headline.__globals__ }}",
        "{{ facts.__closure__ }}",
        "{{ range.__init__.__globals__ }}",
        "{{ alarm.target.dimensions._items }}",
        "{{ alarm.target.dimensions.items_as_they_are }}",
        "{{ alarm.details.thaw() }}",
        "{{ alarm.started_at.tzinfo }}",
        "{{ alarm.started_at.strftime('%Y') }}",
        "{{ 'x'.format(1) }}",
        "{{ '{0.__class__}'.format(alarm) }}",
        "{{ '{:>1000000000}'.format(1) }}",
        "{{ 'x'.format_map({}) }}",
        "{{ ('x'|escape).format(1) }}",
        "{{ 'x'.zfill(1000000000) }}",
        "{{ 'x'.ljust(1000000000) }}",
        "{{ 'x'.encode() }}",
        "{{ ','.join(['a']) }}",
        "{{ (1).to_bytes(1000000000, 'big') }}",
        "{{ [1].append(2) }}",
        "{{ {'a': 1}.update({}) }}",
        "{{ self.__init__ }}",
        "{{ self._TemplateReference__context }}",
        "{% for x in [1] %}{{ loop._iterator }}{% endfor %}",
        "{% for x in [1] %}{{ loop.__call__ }}{% endfor %}",
        "{{ facts()[0].__class__ }}",
        "{{ alarm.state.value }}",
        "{{ alarm.state.name }}",
    ],
)
def test_nothing_leads_out_of_the_sandbox(text):
    """Each attribute that is not the model's own is none."""
    problem = refused(text)

    assert "is unsafe" in problem or "has no " in problem or "is unknown" in problem


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}", "Macro"),
        ("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "a recursive for"),
        ("{% include 'x' %}", "Include"),
        ("{% import 'x' as y %}", "Import"),
        ("{% from 'x' import y %}", "FromImport"),
        ("{% extends 'x' %}", "Extends"),
        ("{% block x %}{% endblock %}", "Block"),
        ("{% call f() %}{% endcall %}", "CallBlock"),
        ("{% set x.y = 1 %}", "NSRef"),
        ("{% autoescape true %}{% endautoescape %}", "Scope"),
        ("{{ 2 ** 2 }}", "**"),
    ],
)
def test_statements_that_could_go_on_for_ever_are_not_there(text, name):
    """With those that are."""
    problem = refused(text)

    assert f"{name} is not allowed; allowed are the statements if, for, set, with" in problem


@pytest.mark.parametrize(
    "word", ["lipsum", "cycler", "joiner", "namespace", "dict", "open", "loop", "caller"]
)
def test_jinjas_globals_are_not_there(word):
    """Only those that are told."""
    assert f"{word!r} is unknown; known are: alarm, facts, headline" in refused(f"{{{{ {word}(1) }}}}")


@pytest.mark.parametrize(
    "word",
    ["attr", "center", "format", "indent", "pprint", "random", "safe", "batch", "slice", "wordwrap", "xmlattr", "urlize"],
)  # fmt: skip
def test_filters_that_could_make_much_of_little_are_not_there(word):
    """Nor those that look into objects; also where they are only named."""
    assert f"No filter named {word!r}" in refused(f"{{{{ 'x'|{word} }}}}")
    assert f"No filter named {word!r}" in refused(f"{{{{ ['x']|map('{word}')|join }}}}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ 'x' * 1000000000 }}", "* is for numbers only, not for a value of the type str"),
        ("{{ [1] * 1000000000 }}", "* is for numbers only, not for a value of the type list"),
        ("{{ '%1000000000d' % 1 }}", "% is for numbers only, not for a value of the type str"),
        ("{{ range(1000000000)|list|length }}", "a range may have 1,000 numbers, not 1,000,000,000"),
        ("{% for i in range(0, 5000, 2) %}{% endfor %}", "a range may have 1,000 numbers, not 2,500"),
        ("{% set n = 10000000000 %}" + "{% set n = n * n %}" * 40 + "{{ n }}", _RESULT),
        ("{{ (1e308 * 10) }}", _RESULT),
        ("{% set n = '" + "f" * 60000 + "'|int(base=16) %}{{ n // 3 > 0 }}", _RESULT),
        ("{% set a = '" + "f" * 1000 + "' %}" + "{% set a = a ~ a %}" * 11 + "{{ a|int(base=16) % (a[1:]|int(base=16)) > 0 }}", _RESULT),
        ("{{ ['" + "f" * 60000 + "']|map('int', 0, 16)|sum > 0 }}", _RESULT),
        ("{% set n = " + "8" * 308 + " %}" + "{% set n = n + n %}" * 9 + "{{ n > 0 }}", _RESULT),
        ("{{ 0x" + "f" * 60000 + " // 3 > 0 }}", _LITERAL),
        ("{{ " + "9" * 5000 + " }}", _LITERAL),
        ("{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}", _STEPS),
        ("{% for a in range(1000) %}{% for b in range(1000) if b < 0 %}{% endfor %}{% endfor %}", _STEPS),
        ("{% for a in range(999) %}{% for b in range(999) %}{{ alarm.id[:] }}{% endfor %}{% endfor %}", _STEPS),
        ("{% set a = 'xxxxxxxxxxxxxxxx' %}" + _DOUBLED + "{{ a }}", _CHARACTERS),
        ("{% set a = 'xxxxxxxxxxxxxxxx' %}" + "{% set a = a + a %}" * 40, _CHARACTERS),
        ("{% set a = 'xxxxxxxxxxxxxxxx' %}" + "{% set a = [a, a]|join %}" * 40, _CHARACTERS),
        ("{% set a = 'xxxxxxxxxxxxxxxx' %}" + "{% set a = a|replace('x', 'xx') %}" * 40, _CHARACTERS),
        ("{% set a = '&&&&&&&&&&&&&&&&' %}" + "{% set a = a|escape %}" * 40000, "has "),
        ("{% set a = 'xxxxxxxxxxxxxxxx' %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 40, _CHARACTERS),
        ("{% set a = [1] %}" + "{% set a = a + a %}" * 40, _ITEMS),
        ("{% set a = [1] %}" + "{% set a = [a, a] %}" * 40 + "{{ a == a }}", _ITEMS),
        ("{% set a = (1,) %}" + "{% set a = (a, a) %}" * 40 + "{{ {a: 1}|length }}", _ITEMS),
        ("{% set a = {'x': 1} %}" + "{% set a = {'x': a, 'y': a} %}" * 40, _ITEMS),
        ("{% set a = [1, 1] %}" + "{% set a = [a, a] %}" * 12 + "{% for i in range(99) %}{{ a in [a] }}{% endfor %}", _ITEMS),
        ("{% set a = ['x' ~ '" + "y" * 9000 + "'] %}{% for i in range(999) %}{{ a|tojson|length }}{% endfor %}", _CHARACTERS),
        ("{% set a = '" + "x" * 30000 + "' %}{% for i in range(999) %}{{ 'y' in a }}{% endfor %}", _CHARACTERS),
        ("{% set a = '" + "x" * 30000 + "' %}{% for i in range(999) %}{% set b = a[1:] %}{% endfor %}", _CHARACTERS),
        ("{% set a = '" + "x" * 30000 + "' %}{% for i in range(999) %}{{ a.upper()|length }}{% endfor %}", _CHARACTERS),
        ("{% set a = '" + "x" * 30000 + "' %}{% for i in range(999) %}{{ a is upper }}{% endfor %}", _CHARACTERS),
        ("{% set b %}{% for i in range(999) %}" + "x" * 30000 + "{% endfor %}{% endset %}", _CHARACTERS),
        ("{% for i in range(999) %}{{ '" + "x" * 30000 + "' }}{% endfor %}", "makes a body of more than 1,048,576 bytes"),
        ("{% for i in range(999) %}" + "x" * 30000 + "{% endfor %}", "makes a body of more than 1,048,576 bytes"),
        ("{{ (range(1000)|map('default', range(1000)|list, true)|list)|tojson }}", _ITEMS),
    ],
)  # fmt: skip
def test_no_template_runs_for_ever_or_fills_the_memory(text, problem):
    """It is refused soon, whatever it multiplies."""
    tracemalloc.start()
    started = time.process_time()
    try:
        told = refused(text)
        taken, peak = time.process_time() - started, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert problem in told
    assert taken < 30
    assert peak < 200_000_000


@pytest.mark.parametrize(
    "text",
    [
        "{{ " + "-" * 3000 + "1 }}",
        "{% for a in range(1) %}" * 21 + "{% endfor %}" * 21,
        "{% if true %}" * 101 + "{% endif %}" * 101,
    ],
)
def test_what_python_cannot_nest_is_refused(text):
    """Python has fewer levels than Jinja, and says so in another way for each kind of them."""
    assert refused(text) == "is nested too deeply"


def test_a_template_of_many_paths_is_soon_checked(monkeypatch):
    """Reading a class's annotations takes a millisecond, and a template has room for thousands of paths."""
    read, ask = [], typing.get_type_hints
    monkeypatch.setattr(typing, "get_type_hints", lambda kind: read.append(kind) or ask(kind))

    Format(text="{{ alarm.id }}{{ alarm.policy.name }}" * 50, content_type="text/plain")

    assert len(read) == len(set(read))


def test_what_is_told_to_people_is_made_once_for_a_body():
    """A loop that asks for it again and again costs no more, however much the alarm has."""
    loop = "{% for i in range(999) %}{% set x = facts() %}{% set x = headline() %}{% endfor %}"
    made = Format(text=loop * 3 + "{{ facts()|length }}", content_type="text/plain")
    target = attrs.evolve(METRIC_ALARM.target, dimensions={f"k{n}": "v" for n in range(5000)})
    alarm = attrs.evolve(METRIC_ALARM, target=target)
    started = time.process_time()

    made.build(alarm, context())

    assert time.process_time() - started < 5


def test_an_alarm_cannot_make_a_template_do_more():
    """What it holds is text, and never a template; what it makes is bounded like all else."""
    made = Format(text="{{ alarm.description }}", content_type="text/plain")
    alarm = attrs.evolve(METRIC_ALARM, description="{{ 7 * 7 }}{% macro x() %}")

    assert made.build(alarm, context()).content == b"{{ 7 * 7 }}{% macro x() %}"
    long = attrs.evolve(METRIC_ALARM, description="x" * 2_000_000)
    with pytest.raises(BuildError, match="makes a body of more than 1,048,576 bytes"):
        made.build(long, context())


_PARTS = st.sampled_from(
    [
        "{{",
        "}}",
        "{% if ",
        "{% for x in ",
        " %}",
        "{% endfor %}",
        "{% endif %}",
        "alarm",
        ".id",
        ".policy.name",
        "x",
        "'",
        "1",
        " + ",
        "~",
        "[",
        "]",
        "(",
        ")",
        "headline()",
        "facts()",
        "{#",
        "#}",
        "\n",
        ".__class__",
        "|upper",
        "|tojson",
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_PARTS, min_size=1, max_size=12).map("".join))
def test_any_text_is_a_format_or_refused(text: str) -> None:
    """Nothing else comes out of it."""
    try:
        made = Format(text=text, content_type="text/plain")
        made.build(METRIC_ALARM, context())
    except (InvalidFieldError, BuildError):
        return
