"""The examples that end each command's help."""

from __future__ import annotations

__all__ = ["ALL", "DEMO", "FORMATS", "LISTEN", "RENDER", "SEND", "VERIFY"]


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
)
VERIFY = _block(
    "verify --format tencent --url https://ops.example.com/alarms",
    "verify --groups groups.toml --group database-oncall",
)
LISTEN = _block(
    "listen --port 8080",
    "listen --script 500,timeout,confirm",
    "listen --once --json",
    "listen --script 'json:{\"retCode\":1}' --then confirm",
)
