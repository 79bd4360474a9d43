"""The commands and their options; what each one does is in the file of its name."""

from __future__ import annotations

from typing import Any

import click

from alarm_dispatch.cli import demo, drill, examples, formats, listen, many, render, send, verify
from alarm_dispatch.cli import hostile as hostile_receiver
from alarm_dispatch.cli.errors import CommandError
from alarm_dispatch.cli.inputs import Destination, RuleOptions
from alarm_dispatch.cli.kept import outbox_group, worker_command
from alarm_dispatch.cli.options import CommandLine, as_json, egress_option, leave, together, transport_option
from alarm_dispatch.egress import EgressPolicy
from alarm_dispatch.formats import Dialect
from alarm_dispatch.receiver.hostile import CATALOGUE

__all__ = ["command_line"]

_LAST_PORT = 65_535
_LOOPBACK = "127.0.0.1"

_dialect = click.option(
    "--dialect",
    type=click.Choice([str(dialect) for dialect in Dialect]),
    help="What the vendor's document shows, or what its systems send.  [default: documented]",
)
_options = click.option(
    "--option",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of the format, such as utc_offset=0 or secret=env:NAME; may be given again.",
)
_destination = together(
    click.option("--format", "format_name", metavar="FORMAT", help="The callback's format."),
    click.option("--url", metavar="URL", help="The callback's URL; env:NAME or file:PATH say where it is."),
    click.option(
        "--header",
        "headers",
        multiple=True,
        metavar='"NAME: VALUE"',
        help="A header for every request; the value may be env:NAME or file:PATH.  May be given again.",
    ),
    _dialect,
    _options,
    click.option(
        "--sign-key",
        "sign_keys",
        multiple=True,
        metavar="KEY",
        help="Sign by Standard Webhooks with whsec_… or whsk_…, openly or as env:NAME or file:PATH; "
        "may be given again.",
    ),
    click.option("--groups", metavar="FILE", help="A .toml or .json file of alarm groups."),
    click.option("--group", metavar="NAME", help="Which group of the file; not needed if it has only one."),
)


_rules = together(
    click.option("--timeout", type=float, metavar="SECONDS", help="For a whole attempt."),
    click.option("--attempts", type=int, metavar="N", help="How many at most."),
    click.option("--delays", metavar="SECONDS,…", help="The waits between attempts, such as 5,10."),
)


@click.group(cls=CommandLine, epilog=examples.ALL, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="alarm-dispatch", prog_name="alarm-dispatch")
def command_line() -> None:
    """Send alarm callbacks, look at their exact bodies, and receive them."""


command_line.result_callback()(leave)
command_line.add_command(worker_command)
command_line.add_command(outbox_group)


@command_line.command("demo", epilog=examples.DEMO)
@click.option("--real-time", is_flag=True, help="Keep the documented waits and timeouts (40 seconds).")
@as_json
def _demo(**given: Any) -> int:
    """Watch an alarm reach receivers that fail first."""
    return demo.run(**given)


@command_line.command("formats", epilog=examples.FORMATS)
@as_json
def _formats(**given: Any) -> int:
    """List the formats and the rules by which each is delivered."""
    return formats.run(**given)


@command_line.command("render", epilog=examples.RENDER)
@click.argument("alarm", metavar="ALARM")
@click.option("--format", "format_name", required=True, metavar="FORMAT", help="The format to build.")
@_dialect
@_options
@click.option("--session-id", metavar="ID", help="The delivery's id.  [default: a random one]")
@click.option("--now", metavar="TIME", help="The time of sending, ISO 8601 with offset.  [default: now]")
@click.option("--signature", metavar="TEXT", help="What the format's signer returns (aliyun).")
@click.option(
    "--url",
    metavar="URL",
    help="The callback's URL, where the format puts some of it in the body; env:NAME or file:PATH, too.",
)
def _render(alarm: str, **given: Any) -> int:
    """Print the exact body that a format sends for an alarm.

    ALARM is a .json or .toml file, or - for JSON on standard input.  An alarm that takes several messages has
    each body in a line of its own.  What is new in each attempt, such as a signature, is not shown.
    """
    return render.run(alarm, **given)


@command_line.command("send", epilog=examples.SEND)
@click.argument("alarm", metavar="[ALARM]", required=False)
@click.option("--many", metavar="FILE", help="Send the alarms of a file, one in each line.")
@_destination
@_rules
@click.option("--session-id", metavar="ID", help="The delivery's id, for a single callback.")
@transport_option
@egress_option
@click.option("--outbox", metavar="FILE", help="Keep the deliveries in this file until they are settled.")
@click.option(
    "--in-flight",
    type=click.IntRange(min=1),
    metavar="N",
    help="With --many: requests in flight to each callback.  [default: the callback's own limit]",
)
@click.option(
    "--backlog",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"With --many: unsettled deliveries at most.  [default: {many.DEFAULT_BACKLOG}]",
)
@as_json
def _send(
    alarm: str | None,
    timeout: float | None,
    attempts: int | None,
    delays: str | None,
    session_id: str | None,
    **given: Any,
) -> int:
    """Send an alarm to a callback, or to an alarm group.

    ALARM is a .json or .toml file, or - for JSON on standard input.  Attempts are told on standard error
    as they end, the report on standard output.  The exit code is 0 when all is delivered, 1 when a
    delivery failed, 2 for wrong arguments or files.

    With --many each line of FILE (- for standard input) is an alarm in JSON, and no ALARM is given.  The
    file is read as the deliveries are settled.  A line that is no alarm is told with its number, and the
    others are sent; it counts as a failure.  Standard error shows how far it is, standard output the counts
    (with --json each failed delivery too, one in a line).  The exit code is 2 when no line was an alarm.

    With --outbox a delivery is on disk before it is sent.  After a crash or Ctrl-C the command "worker", or
    the next "send" to the same group, goes on with what is not settled; it finds the callbacks by the group's
    name, so name one with --groups.  With --url the group is called by the format and the redacted URL, which
    no worker's file has: only the next "send" to the same URL goes on.
    """
    storm = {name: given.pop(name) for name in ("many", "in_flight", "backlog")}
    source, storm_only = (
        storm.pop("many"),
        {name: value for name, value in storm.items() if value is not None},
    )
    shared = {name: given.pop(name) for name in ("transport", "egress", "outbox", "as_json")}
    destination = Destination(**given, kept=shared["outbox"] is not None)
    rules = RuleOptions(timeout=timeout, attempts=attempts, delays=delays)
    if source is not None:
        if alarm is not None or session_id is not None:
            raise CommandError("--many FILE takes the place of ALARM, and does not go with --session-id")
        return many.run(source, destination, rules, **shared, **storm_only)
    if storm_only:
        raise CommandError("--in-flight and --backlog go with --many")
    if alarm is None:
        raise CommandError("say what to send: ALARM, or --many FILE")
    return send.run(alarm, destination, rules, session_id=session_id, **shared)


@command_line.command("verify", epilog=examples.VERIFY)
@_destination
@egress_option
@as_json
def _verify(egress: EgressPolicy, as_json: bool, **destination: Any) -> int:
    """Verify callback URLs, with one request to each.

    A URL is verified when it answers within 5 seconds.  The exit code is 0 when all are verified, else 1.
    """
    return verify.run(Destination(**destination), egress=egress, as_json=as_json)


@command_line.command("drill", epilog=examples.DRILL)
@_destination
@_rules
@transport_option
@egress_option
@as_json
def _drill(
    timeout: float | None,
    attempts: int | None,
    delays: str | None,
    transport: str,
    egress: EgressPolicy,
    as_json: bool,
    **destination: Any,
) -> int:
    """Send a test alarm to each callback of a group, in its own format.

    Its texts say DRILL, so that no person takes it for a real one.  It is tried by the callback's own rules;
    a fallback is not told.  The exit code is 0 when every callback confirmed it, 1 when one did not, 2 when
    no format could tell it.
    """
    rules = RuleOptions(timeout=timeout, attempts=attempts, delays=delays)
    return drill.run(Destination(**destination), rules, transport=transport, egress=egress, as_json=as_json)


@command_line.command("listen", epilog=examples.LISTEN)
@click.option("--host", default=_LOOPBACK, show_default=True, help="A loopback address.")
@click.option(
    "--port", type=click.IntRange(0, _LAST_PORT), default=0, help="0, the default, is any free one."
)
@click.option(
    "--script", default="confirm", metavar="ANSWERS", help="One for each request.  [default: confirm]"
)
@click.option("--then", metavar="ANSWER", help="For all further requests.  [default: the script's last]")
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="End after so many requests.")
@click.option("--once", is_flag=True, help="The same as --count 1.")
@click.option(
    "--verify-key",
    "verify_keys",
    multiple=True,
    metavar="KEY",
    help="Tell whether the signature of Standard Webhooks holds, by whsec_… or whpk_…, openly or as env:NAME "
    "or file:PATH; may be given again.",
)
@click.option("--hostile", type=click.Choice(list(CATALOGUE)), metavar="KIND", help="Do harm instead.")
@click.option("--times", type=click.IntRange(min=1), metavar="N", help="With --hostile: confirm after N.")
@as_json
def _listen(once: bool, count: int | None, hostile: str | None, times: int | None, **given: Any) -> int:
    """Receive callbacks on this machine and print what arrives.

    A script's answers are: a status (500), a status with a JSON body (200:{"ok":true}), json:{…}, confirm,
    timeout, reset, close, early, garbage, drip, huge, informational, redirect, and delay:SECONDS:ANSWER.
    Each path plays it from its start.

    With --hostile no script is played: a receiver that drips its answer, sends a gigabyte, stalls the TLS
    handshake or does whatever else KIND says.  A wrong KIND gets a list of all.
    """
    if hostile is not None:
        port, as_json = given["port"], given["as_json"]
        usual = {"host": _LOOPBACK, "script": "confirm", "then": None, "verify_keys": ()}
        if given != {**usual, "port": port, "as_json": as_json}:
            raise CommandError("--hostile does not go with --host, --script, --then or --verify-key")
        if count is not None or once:
            raise CommandError("--hostile ends with Ctrl-C, not with --count or --once")
        return hostile_receiver.run(hostile, port=port, times=times, as_json=as_json)
    if times is not None:
        raise CommandError("--times goes with --hostile")
    return listen.run(count=1 if once else count, **given)
