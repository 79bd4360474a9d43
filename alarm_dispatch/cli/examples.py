"""The examples that end each command's help."""

from __future__ import annotations

__all__ = [
    "ALL",
    "DEMO",
    "DRILL",
    "FORMATS",
    "LISTEN",
    "OUTBOX",
    "OUTBOX_LIST",
    "OUTBOX_PURGE",
    "OUTBOX_REPLAY",
    "OUTBOX_SHOW",
    "RENDER",
    "SEND",
    "VERIFY",
    "WORKER",
]


def _block(*lines: str) -> str:
    # click rewraps what does not begin with a backspace.
    return "\n".join(["\b", "Examples:", *(f"  alarm-dispatch {line}" for line in lines)])


ALL = _block(
    "demo",
    "listen --port 8080 --script 500,timeout,confirm",
    "send alarm.json --format tencent --url http://127.0.0.1:8080/alarms",
)
DEMO = _block("demo", "demo --real-time", "demo --json 2>/dev/null")
FORMATS = _block("formats", "formats --json")
RENDER = _block(
    "render alarm.json --format blueking",
    "render alarm.toml --format tencent --dialect observed --option utc_offset=0",
    "render - --format aliyun --signature abc= < alarm.json",
)
SEND = _block(
    "send alarm.json --format tencent --url https://ops.example.com/alarms",
    "send alarm.json --groups groups.toml --group database-oncall --json",
    "send alarm.json --format blueking --url http://127.0.0.1:8080 --delays 1,2",
    "send --many alarms.jsonl --groups groups.toml --group database-oncall",
    "send --many - --format tencent --url http://127.0.0.1:8080 --json < alarms.jsonl",
    "send --many alarms.jsonl --groups groups.toml --outbox alarms.db",
    "send alarm.json --format tencent --url http://127.0.0.1:8080 --sign-key file:key.txt",
)
VERIFY = _block(
    "verify --format tencent --url https://ops.example.com/alarms",
    "verify --groups groups.toml --group database-oncall",
)
DRILL = _block(
    "drill --groups groups.toml --group database-oncall",
    "drill --groups groups.toml --group database-oncall --attempts 1 --json",
    "drill --format tencent --url https://ops.example.com/alarms",
)
LISTEN = _block(
    "listen --port 8080",
    "listen --script 500,timeout,confirm",
    "listen --once --json",
    "listen --port 8080 --verify-key file:key.txt",
    "listen --script 'json:{\"retCode\":1}' --then confirm",
    "listen --hostile drips-head --times 1",
)
WORKER = _block(
    "worker --outbox alarms.db --groups groups.toml",
    "worker --outbox alarms.db --groups groups.toml --until-empty --transport aiohttp",
)
OUTBOX = _block(
    "outbox list --outbox alarms.db --status dead",
    "outbox replay --outbox alarms.db --since 12h",
)
OUTBOX_LIST = _block(
    "outbox list --outbox alarms.db",
    "outbox list --outbox alarms.db --status dead --group oncall --since 7d",
    "outbox list --outbox alarms.db --alarm alarm-1 --json",
)
OUTBOX_SHOW = _block("outbox show 019c18bd3400f7a1b2c3d4e5 --outbox alarms.db")
OUTBOX_REPLAY = _block(
    "outbox replay 019c18bd3400f7a1b2c3d4e5 --outbox alarms.db",
    "outbox replay --outbox alarms.db --callback hooks --since 2026-01-31T08:00:00+08:00",
    "outbox replay --outbox alarms.db --all",
)
OUTBOX_PURGE = _block("outbox purge --outbox alarms.db --before 30d")
