"""Scripts: which texts they take, which steps those are, and which step a request gets."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.receiver import Script, Step, StepKind, as_script, as_step


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("204", Step(kind=StepKind.STATUS, status_code=204)),
        ("101", Step(kind=StepKind.STATUS, status_code=101)),
        ("599", Step(kind=StepKind.STATUS, status_code=599)),
        (" confirm ", Step(kind=StepKind.CONFIRM)),
        ('json:{"retCode": 1}', Step(kind=StepKind.STATUS, content=b'{"retCode": 1}')),
        ('500:{"a":[1,2]}', Step(kind=StepKind.STATUS, status_code=500, content=b'{"a":[1,2]}')),
        ("timeout", Step(kind=StepKind.TIMEOUT)),
        ("reset", Step(kind=StepKind.RESET)),
        ("close", Step(kind=StepKind.CLOSE)),
        ("early", Step(kind=StepKind.EARLY)),
        ("garbage", Step(kind=StepKind.GARBAGE)),
        ("drip", Step(kind=StepKind.DRIP, interval=1.0)),
        ("drip:0.25", Step(kind=StepKind.DRIP, interval=0.25)),
        ("huge", Step(kind=StepKind.HUGE)),
        ("informational", Step(kind=StepKind.INFORMATIONAL, interval=0.01)),
        ("informational:0", Step(kind=StepKind.INFORMATIONAL, interval=0.0)),
        ("redirect", Step(kind=StepKind.REDIRECT)),
        ("redirect:http://10.0.0.1:80/", Step(kind=StepKind.REDIRECT, location="http://10.0.0.1:80/")),
        ("refused", Step(kind=StepKind.REFUSED)),
        ("unreachable", Step(kind=StepKind.UNREACHABLE)),
        ("delay:2.5", Step(kind=StepKind.CONFIRM, delay=2.5)),
        ("delay:2.5:200", Step(kind=StepKind.STATUS, delay=2.5)),
        ('delay:1:200:{"a":1}', Step(kind=StepKind.STATUS, delay=1.0, content=b'{"a":1}')),
        ("delay:1:delay:2:reset", Step(kind=StepKind.RESET, delay=3.0)),
    ],
)
def test_a_word_is_a_step(text, step):
    """Every word of the script language means one step, with its defaults."""
    assert Script(text).steps == (step,)


def test_commas_inside_a_json_body_belong_to_it():
    """A comma separates steps only outside braces, brackets and quotes."""
    script = Script.parse(r'500,json:{"a": [1, {"b": 2}], "c": "}, \",200"},timeout')

    assert [step.status_code for step in script.steps[:2]] == [500, 200]
    assert json.loads(script.steps[1].content) == {"a": [1, {"b": 2}], "c": '}, ",200'}
    assert script.steps[2].kind is StepKind.TIMEOUT


def test_json_bodies_keep_their_bytes():
    """A body goes out as it was written, not as a parser would print it."""
    assert Script('200:{ "名" :1.0}').steps[0].content == '{ "名" :1.0}'.encode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "500,",
        "99",
        "600",
        "٢٠٠",
        "200:",
        "200:no",
        '200:{"a":1',
        "204:{}",
        "101:{}",
        "json",
        "json:",
        "json:" + "[" * 100_000,
        "status",
        "Timeout",
        "timeout:5",
        "drip:",
        "drip:x",
        "drip:-1",
        "delay",
        "delay:",
        "delay:nan",
        "delay:inf:200",
        "delay:1:never",
        "redirect:/with space",
        "redirect:/\r\nX: y",
        "}200,200",
    ],
)
def test_what_is_no_script_is_refused(text):
    """A wrong script fails where it is made."""
    with pytest.raises(InvalidFieldError, match=r"^script: "):
        Script(text)


def test_the_error_names_the_allowed_words():
    """Whoever mistypes a step is told all the steps there are."""
    with pytest.raises(InvalidFieldError) as caught:
        Script("500,tiemout")

    told = str(caught.value)
    assert "'tiemout'" in told
    assert all(kind in told for kind in StepKind)
    assert all(word in told for word in ("json:", "delay:SECONDS", "drip:SECONDS", "from 100 to 599"))


def test_a_script_from_python():
    """Steps can be given as statuses, words, JSON objects and steps."""
    script = Script([500, "timeout", {"retCode": 0, "text": "好"}, Step(kind=StepKind.RESET)])

    assert str(script) == '500,timeout,200:{"retCode": 0, "text": "好"},reset'


@pytest.mark.parametrize(
    "value",
    [
        [],
        [600],
        [True],
        [None],
        [{"a": {1, 2}}],
        [{"a": "\udc80"}],
        [["500"]],
    ],
)
def test_what_is_no_step_is_refused(value):
    """A wrong step from Python fails as a wrong text does."""
    with pytest.raises(InvalidFieldError, match=r"^script: "):
        Script(value)


@pytest.mark.parametrize(
    ("script", "played"),
    [
        (Script("500,200"), "500 200 200 200 200"),
        (Script("500,200", then="confirm"), "500 200 confirm confirm confirm"),
        (Script.parse("500,200", then=503), "500 200 503 503 503"),
        (Script.parse("500,200", cycle=True), "500 200 500 200 500"),
    ],
)
def test_what_follows_the_last_step(script, played):
    """The last step repeats, unless the script says what is next or starts over."""
    assert [str(script.step(index)) for index in range(5)] == played.split()


def test_then_and_cycle_contradict_each_other():
    """A script cannot both start over and go on with another step."""
    with pytest.raises(InvalidFieldError, match="then is given beside cycle"):
        Script("500", then="200", cycle=True)


@pytest.mark.parametrize(
    "value",
    ["200", 200, Step(kind=StepKind.STATUS), ["200"], [200], Script("200")],
)
def test_as_script_takes_every_form(value):
    """A script, its text, a step and a list of steps all become the same script."""
    assert as_script(value) == Script("200")


def test_as_script_takes_a_json_object_as_one_step():
    """A mapping is a body to answer with, not a list of its keys."""
    assert as_script({"retCode": 1}) == Script('200:{"retCode": 1}')


_SECONDS = st.floats(min_value=0, max_value=1e6)
_TEXT = st.text('"\\,:{}[] a好')
_JSON = st.recursive(
    st.none() | st.integers() | _TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner),
    max_leaves=5,
)
_STEPS = st.one_of(
    st.integers(100, 599).map(as_step),
    st.builds(
        lambda code, body: Step(
            kind=StepKind.STATUS, status_code=code, content=json.dumps(body, ensure_ascii=False).encode()
        ),
        st.sampled_from([200, 400, 500]),
        _JSON,
    ),
    st.sampled_from([kind for kind in StepKind if kind is not StepKind.STATUS]).map(
        lambda kind: Step(kind=kind)
    ),
    st.builds(lambda seconds: Step(kind=StepKind.DRIP, interval=seconds), _SECONDS),
    st.builds(lambda seconds: Step(kind=StepKind.CONFIRM, delay=seconds), _SECONDS),
    st.just(Step(kind=StepKind.REDIRECT, location="https://receiver.example/a:b")),
)


@settings(max_examples=50)
@given(st.lists(_STEPS, min_size=1))
def test_a_script_reads_back_what_it_prints(steps):
    """The text of any script is a script of the same steps."""
    script = Script(steps)

    assert Script.parse(str(script)) == script
