"""Runs a template in Jinja's sandbox, within its budget; what it may see and call is a short list."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any

from attrs import frozen

from alarm_dispatch.formats.template import budget as budgets
from alarm_dispatch.formats.template.budget import NotAllowedError, OverBudgetError, budget, spend, spend_on
from alarm_dispatch.formats.template.filters import (
    FILTERS,
    added,
    bounded,
    compared,
    concatenated,
    multiplied,
    remainder,
    scalar_text,
)
from alarm_dispatch.formats.template.lacking import what_lacks
from alarm_dispatch.formats.template.seen import is_seen, known_parts

try:
    import jinja2
    from jinja2 import meta, nodes, runtime, sandbox
    from jinja2.utils import missing
except ImportError as error:
    raise ImportError("templates need Jinja2: install alarm-dispatch[template]") from error

__all__ = ["Program", "ProgramError"]

# Of Jinja's own filters those whose result is about as large as what they get.
_JINJAS_FILTERS = (
    "abs capitalize count d default dictsort e escape first int items last length list lower map max "
    "min reject rejectattr reverse select selectattr sort sum title trim truncate unique upper "
    "urlencode wordcount"
)

_JINJAS_TESTS = (
    "boolean defined divisibleby eq equalto == even false float ge >= greaterthan gt > in integer iterable "
    "le <= lessthan lower lt < mapping ne != none number odd sequence string true undefined upper"
)

_ALLOWED = tuple(
    getattr(nodes, name)
    for name in (  # noqa: SIM905 - as above: words
        "Template Output TemplateData For If Assign AssignBlock With FilterBlock "
        "Name Const Tuple List Dict Pair Keyword CondExpr Filter Test Call Getitem Getattr Slice "
        "Concat Compare Operand Add Sub Mul Div FloorDiv Mod And Or Not Neg Pos"
    ).split()
)
_STATEMENTS = "if, for, set, with, filter, raw"
# What of Jinja's names for its nodes nobody writes.
_WRITTEN = {"Pow": "**"}

_ALARM = "alarm"
_TOO_LARGE = "a number that is larger than any JSON number may be"


class _Lacking(jinja2.StrictUndefined):
    @property
    def _undefined_message(self) -> str:
        owner = self._undefined_obj
        if self._undefined_hint or owner is missing or owner is None:
            return super()._undefined_message
        return what_lacks(owner, self._undefined_name)


class ProgramError(Exception):
    """A template that cannot be used, and why, for people, with the line, from 1, where there is one.

    ``too_much`` says that it would do too much for any alarm.
    """

    def __init__(self, problem: str, line: int | None = None, *, too_much: bool = False) -> None:
        super().__init__(problem if line is None else f"line {line}: {problem}")
        self.too_much = too_much


class _Environment(sandbox.ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "%", "+"})

    def __init__(self) -> None:
        super().__init__(
            autoescape=False,
            undefined=_Lacking,
            # What is worked out when the template is compiled would be in nobody's budget.
            optimized=False,
            finalize=_finalized,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        filters: dict[str, Any] = {name: self.filters[name] for name in _JINJAS_FILTERS.split()}
        tests: dict[str, Any] = {name: self.tests[name] for name in _JINJAS_TESTS.split()}
        self.filters = {name: _counted(made) for name, made in (filters | FILTERS).items()}
        self.tests = {name: _counted(made) for name, made in tests.items()}
        self.globals = {"range": _range}

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ARG002 - Jinja's own
        # Jinja's own rules forbid less: they are a list of what is known to be dangerous.
        return is_seen(obj, attr, runtime.LoopContext)

    def call_binop(self, context: runtime.Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002 - as above
        made = {"*": multiplied, "%": remainder, "+": added}[operator]
        return made(_defined(left), _defined(right))

    def wrap_str_format(self, value: Any) -> None:
        """Nothing: Jinja's own wrapper would let formats through, whatever their width."""

    def call(self, context: runtime.Context, obj: Any, /, *arguments: Any, **options: Any) -> Any:
        owner = getattr(obj, "__self__", None)
        if owner is self:
            return obj(*arguments)
        spend_on((owner, arguments))
        return super().call(context, obj, *arguments, **options)

    def compared(self, *values: Any) -> bool:
        return compared(*map(_defined, values))

    def sliced(self, value: Any, *bounds: Any) -> Any:
        spend_on(_defined(value))
        return value[slice(*bounds)]

    def made(self, value: Any) -> Any:
        spend_on(value)
        return value

    def concatenated(self, *values: Any) -> str:
        return concatenated(*map(_defined, values))

    def counted(self, steps: int, characters: int) -> bool:
        spend(steps=steps, characters=characters)
        return True


def _defined(value: Any) -> Any:
    # An undefined value raises what there is to be told, save that of an "if" without an "else": that is "".
    return str(value) if isinstance(value, jinja2.Undefined) else value


# With the context Jinja calls it for what stands in the template, too, only when that is rendered.
@jinja2.pass_context
def _finalized(_context: runtime.Context, value: Any) -> str:
    return scalar_text(_defined(value))


def _range(*arguments: int) -> range:
    made = range(*arguments)
    if len(made) > budgets.LONGEST_RANGE:
        raise NotAllowedError(f"a range may have {budgets.LONGEST_RANGE:,} numbers, not {len(made):,}")
    return made


def _counted(made: Callable[..., Any]) -> Callable[..., Any]:
    """The filter or test, with what it looks at and what it makes taken from the budget."""

    @functools.wraps(made)  # which keeps Jinja's marks of what it wants beside the value
    def call(*arguments: Any, **options: Any) -> Any:
        given = [list(value) if isinstance(value, Iterator) else value for value in arguments]
        if made not in _TAKE_UNDEFINED:
            given = [_defined(value) for value in given]
        spend(steps=1)
        spend_on(given)
        value = bounded(made(*given, **options))
        if isinstance(value, str):
            value = str(value)  # escape answers with Markup, which would escape all that it meets
        spend_on(value)
        return value

    return call


_defaults = jinja2.Environment(autoescape=True)
_TAKE_UNDEFINED = frozenset(
    {
        _defaults.filters["default"],
        _defaults.tests["defined"],
        _defaults.tests["undefined"],
    }
)


@frozen
class Program:
    """A compiled template."""

    template: jinja2.Template

    @classmethod
    def compiled(cls, source: str, names: frozenset[str]) -> Program:
        """The program that this source is, for variables of these names; raises :class:`ProgramError`."""
        if len(source) > budgets.LONGEST_SOURCE:
            told = f"has {len(source):,} characters; at most {budgets.LONGEST_SOURCE:,} are allowed"
            raise ProgramError(told)
        environment = _Environment()
        try:
            tree = environment.parse(source)
            # Of a tree of its own: looking for them works out constants in it, by Jinja's rules.
            unknown = (
                meta.find_undeclared_variables(environment.parse(source)) - names - {*environment.globals}
            )
            _check(tree, unknown, names | environment.globals.keys())
            _bound(tree, environment)
            return cls(environment.from_string(tree))
        except jinja2.TemplateSyntaxError as error:
            raise ProgramError(error.message or "is no template", error.lineno) from error
        except (RecursionError, SyntaxError, MemoryError):
            # The last two are Python's own, of the program that Jinja writes: it has fewer levels than Jinja.
            raise ProgramError("is nested too deeply") from None
        except ValueError:
            # Python's own, too, which reads no more decimal digits than that.
            raise ProgramError(f"has {_TOO_LARGE}") from None

    def render(self, variables: Mapping[str, Any], most: int) -> str:
        """The text, of at most ``most`` characters; raises :class:`ProgramError`."""
        parts: list[str] = []
        length = 0
        try:
            with budget():
                for part in self.template.root_render_func(self.template.new_context(dict(variables))):
                    length += len(part)
                    if length > most:
                        break
                    parts.append(part)
        except Exception as error:  # whatever an expression raises is the template's fault
            line = self._line(error.__traceback__)
            too_much = isinstance(error, OverBudgetError)
            raise ProgramError(_told(error), line, too_much=too_much) from error
        if length > most:
            raise ProgramError(f"makes a body of more than {most:,} bytes")
        return "".join(parts)

    def _line(self, traceback: TracebackType | None) -> int | None:
        """The template's line that is innermost in a traceback of the compiled code."""
        line = None
        while traceback is not None:
            if traceback.tb_frame.f_globals.get("__jinja_template__") is self.template:
                line = self.template.get_corresponding_lineno(traceback.tb_lineno)
            traceback = traceback.tb_next
        return line


def _told(error: Exception) -> str:
    if isinstance(error, jinja2.UndefinedError | jinja2.exceptions.SecurityError | NotAllowedError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _check(tree: nodes.Template, unknown: set[str], known: Iterable[str]) -> None:
    """Raise :class:`ProgramError` for what is not allowed, and for names that are not known."""
    for node in _all(tree):
        if not isinstance(node, _ALLOWED) or (isinstance(node, nodes.For) and node.recursive):
            kind = "a recursive for" if isinstance(node, nodes.For) else type(node).__name__
            told = f"{_WRITTEN.get(kind, kind)} is not allowed; allowed are the statements {_STATEMENTS}"
            raise ProgramError(told, node.lineno)
    for literal in tree.find_all(nodes.Const):
        if isinstance(literal.value, int) and literal.value > budgets.LARGEST_INTEGER:
            raise ProgramError(f"has {_TOO_LARGE}", literal.lineno)
    for name in tree.find_all(nodes.Name):
        if name.name in unknown:
            told = f"{name.name!r} is unknown; known are: {', '.join(sorted(known))}"
            raise ProgramError(told, name.lineno)
    if all(name.ctx == "load" for name in tree.find_all(nodes.Name) if name.name == _ALARM):
        _check_paths(tree)


def _all(tree: nodes.Node) -> Iterator[nodes.Node]:
    yield tree
    yield from tree.find_all(nodes.Node)


def _check_paths(tree: nodes.Template) -> None:
    """Raise for a path in the alarm that no alarm has, in whatever branch it stands."""
    for node in tree.find_all(nodes.Getattr):
        path: list[str] = []
        inner: nodes.Node = node
        while isinstance(inner, nodes.Getattr):
            path.insert(0, inner.attr)
            inner = inner.node
        if isinstance(inner, nodes.Name) and inner.name == _ALARM:
            wrong = known_parts(path)
            if wrong is not None:
                place, there_is = wrong
                whole = ".".join([_ALARM, *path[: place + 1]])
                raise ProgramError(f"{whole} is unknown; there is: {there_is}", node.lineno)


def _bound(tree: nodes.Template, environment: _Environment) -> None:
    """Have every round of a loop counted, by how much is in its body, and what makes or compares things."""
    for loop in list(tree.find_all(nodes.For)):
        body = [inner for child in loop.body for inner in _all(child)]
        characters = sum(len(inner.data) for inner in body if isinstance(inner, nodes.TemplateData))
        loop.body.insert(0, nodes.ExprStmt(_call("counted", len(body) + 1, characters)))
        if loop.test is not None:
            loop.test = nodes.And(_call("counted", 1 + len(list(_all(loop.test))), 0), loop.test)
    _replace_in(tree)
    tree.set_environment(environment)
    for node in _all(tree):
        if getattr(node, "lineno", None) is None:
            node.set_lineno(1)


def _call(name: str, *arguments: int) -> nodes.Call:
    return nodes.Call(
        nodes.EnvironmentAttribute(name), [nodes.Const(argument) for argument in arguments], [], None, None
    )


def _replace_in(node: nodes.Node) -> None:
    for name, value in list(node.iter_fields()):
        if isinstance(value, list):
            setattr(node, name, [_replaced(item) for item in value])
        else:
            setattr(node, name, _replaced(value))


def _replaced(value: Any) -> Any:
    """An expression that makes or compares something, as a call of ours that counts it."""
    if not isinstance(value, nodes.Node):
        return value
    _replace_in(value)
    arguments: list[nodes.Expr]
    if isinstance(value, nodes.Concat):
        name, arguments = "concatenated", value.nodes
    elif isinstance(value, nodes.Compare):
        name, arguments = "compared", [value.expr]
        for operand in value.ops:
            arguments += [nodes.Const(operand.op), operand.expr]
    elif isinstance(value, nodes.Getitem) and isinstance(value.arg, nodes.Slice):
        bounds = (value.arg.start, value.arg.stop, value.arg.step)
        name, arguments = "sliced", [value.node, *(bound or nodes.Const(None) for bound in bounds)]
    elif isinstance(value, nodes.List | nodes.Dict) or (
        isinstance(value, nodes.Tuple) and value.ctx == "load"
    ):
        name, arguments = "made", [value]
    else:
        return value
    call = nodes.Call(nodes.EnvironmentAttribute(name), arguments, [], None, None)
    call.set_lineno(value.lineno)
    return call
