"""The commands that have to do with what an outbox keeps, and their options."""

from __future__ import annotations

from typing import Any

import click

from alarm_dispatch.cli import examples, outbox, worker
from alarm_dispatch.cli.options import (
    as_json,
    egress_option,
    leave,
    outbox_file,
    times,
    together,
    transport_option,
)
from alarm_dispatch.outbox import StoredStatus

__all__ = ["outbox_group", "worker_command"]

_chosen = together(
    click.option("--group", metavar="NAME", help="Only those of this alarm group."),
    click.option("--callback", metavar="NAME", help="Only those to this callback."),
    click.option("--alarm", metavar="ID", help="Only those of this alarm."),
    times,
)


@click.command("worker", epilog=examples.WORKER)
@outbox_file
@click.option("--groups", required=True, metavar="FILE", help="A .toml or .json file of alarm groups.")
@click.option("--until-empty", is_flag=True, help="End when nothing of these groups is pending.")
@transport_option
@egress_option
def worker_command(**given: Any) -> int:
    """Send what other processes put into an outbox.

    It sends the deliveries of the file's groups until Ctrl-C or SIGTERM, and then ends with exit code 0; what
    is not settled stays in the outbox.  Several workers may share an outbox.  The file is made if there is
    none.  Standard output gets one line when it is ready, standard error the counts now and then and each
    delivery that failed for good.  It also names, at the start and at the end, the groups that have something
    pending and are not in the file of groups: what is theirs waits until somebody serves them.
    """
    return worker.run(**given)


@click.group("outbox", epilog=examples.OUTBOX)
def outbox_group() -> None:
    """Look at an outbox, replay what failed, remove what is old.

    A TIME is ISO 8601 with an offset, or an age such as 30min, 12h or 7d; its units are s, min, h, d and w.
    """


outbox_group.result_callback()(leave)


@outbox_group.command("list", epilog=examples.OUTBOX_LIST)
@outbox_file
@_chosen
@click.option("--status", type=click.Choice([str(status) for status in StoredStatus]), help="Only these.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"The newest N of them.  [default: {outbox.SHOWN}, with --json all]",
)
@as_json
def _list(**given: Any) -> int:
    """List deliveries in the order in which they were put.

    The age is counted from when a delivery was put.  A long name is cut in its middle where the terminal is
    narrow.  With --json each line is one delivery, with nothing cut.
    """
    return outbox.list_stored(**given)


@outbox_group.command("show", epilog=examples.OUTBOX_SHOW)
@click.argument("delivery_id", metavar="ID")
@outbox_file
@as_json
def _show(**given: Any) -> int:
    """Show a delivery with all its attempts and its alarm."""
    return outbox.show(**given)


@outbox_group.command("replay", epilog=examples.OUTBOX_REPLAY)
@click.argument("ids", metavar="[ID]...", nargs=-1)
@outbox_file
@click.option("--all", "every", is_flag=True, help="All dead ones.")
@_chosen
@as_json
def _replay(**given: Any) -> int:
    """Let dead deliveries be sent again, by a worker or another dispatcher.

    They keep their ids and their attempts so far, and their schedules begin anew.  Give ids, or --all, or
    which of the dead ones.
    """
    return outbox.replay(**given)


@outbox_group.command("purge", epilog=examples.OUTBOX_PURGE)
@outbox_file
@click.option("--before", required=True, metavar="TIME", help="Those that were settled before then.")
@as_json
def _purge(**given: Any) -> int:
    """Remove settled deliveries, dead ones too; none that is still to be sent."""
    return outbox.purge(**given)
