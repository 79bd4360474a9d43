"""Options that several commands have, and how a command ends."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from alarm_dispatch.cli.carriage import TRANSPORTS
from alarm_dispatch.cli.errors import CommandError
from alarm_dispatch.cli.escaping import printable_lines
from alarm_dispatch.cli.send import INTERRUPTED
from alarm_dispatch.egress import EgressPolicy
from alarm_dispatch.egress.policy import Preset
from alarm_dispatch.errors import (
    BuildError,
    ConfigurationError,
    InvalidFieldError,
    OutboxError,
    UnknownFormatError,
)
from alarm_dispatch.redaction import masked

__all__ = [
    "CommandLine",
    "as_json",
    "egress_option",
    "leave",
    "outbox_file",
    "times",
    "together",
    "transport_option",
]

_F = TypeVar("_F", bound=Callable[..., Any])

# What the person at the keyboard can put right; anything else is a fault of ours and shows its traceback.
_MISUSE = (CommandError, ConfigurationError, InvalidFieldError, UnknownFormatError, BuildError, OutboxError)


class _MisuseError(click.ClickException):
    """Misuse, told without a traceback."""

    exit_code = 2


class CommandLine(click.Group):
    """Turns misuse into a message without secrets, and Ctrl-C into its exit code."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the arguments, and remember them for what is said of the command's own."""
        typed = tuple(args)
        context = super().make_context(info_name, args, parent, **extra)
        context.meta[_TYPED] = typed
        return context

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            _raise_masked(error, ctx.meta[_TYPED])
            raise
        except _MISUSE as error:
            raise _MisuseError(printable_lines(masked(str(error)))) from error
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)


_TYPED = "alarm_dispatch.typed"
_LEAST_WORD = 3


# Where click repeats what was typed.
_REPEATED = re.compile(r"\(.*\)|'.*'", re.DOTALL)


def _raise_masked(error: click.UsageError, typed: Sequence[str]) -> None:
    """Raise what click says of the arguments without the words that were typed as a URL or a header.

    A header without quotation marks is several words, so all up to the next option count.  Nothing is raised
    where nothing is to be masked.
    """
    secret = False
    words = []
    for word in typed:
        if word.startswith("--"):
            option, _, value = word.partition("=")
            secret = option in {"--url", "--header"}
            word = value  # noqa: PLW2901 - what of it is no option
        if secret:
            words += [part for part in (word, *word.split()) if len(part) >= _LEAST_WORD]
    words.sort(key=len, reverse=True)
    message = error.format_message()
    shown = masked(_REPEATED.sub(lambda found: masked(found[0], words), message))
    if shown != message:
        raise click.UsageError(shown, error.ctx) from None


@click.pass_context
def leave(context: click.Context, code: int) -> None:
    """End the process with the code that a command returned."""
    context.exit(code)


def together(*options: Callable[[Any], Any]) -> Callable[[_F], _F]:
    """Options that go together, as one."""

    def decorate(function: _F) -> _F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

outbox_file = click.option("--outbox", required=True, metavar="FILE", help="The outbox's file.")

transport_option = click.option(
    "--transport",
    type=click.Choice(TRANSPORTS),
    default=TRANSPORTS[0],
    show_default=True,
    help="What carries the requests; aiohttp needs the extra fast.",
)

egress_option = click.option(
    "--egress",
    type=click.Choice([str(preset) for preset in Preset]),
    default=str(Preset.INTERNAL),
    show_default=True,
    callback=lambda _context, _option, preset: EgressPolicy(preset=preset),
    help="Which addresses may be called; a callback of --groups may have its own rules.",
)

times = together(
    click.option("--since", metavar="TIME", help="Only those made then or later."),
    click.option("--before", metavar="TIME", help="Only those made before."),
)
