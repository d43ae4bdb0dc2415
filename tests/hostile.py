#!/usr/bin/env python3
"""Prints events that nobody ought to send, one a line: shaped as TTMT's are, with texts that have broken limits or
escapes before, in every place where a text can stand. Made at run time, because the longest are ten times as long as
the longest text that any platform takes.
"""

import json
import sys

# The longest text of a message anywhere is 4,096 characters (Discord's description); no event may be over 1 MiB.
TENFOLD = 41_000
OVER_EVERY_LABEL = 600
EVENT_BYTES_MAX = 1 << 20

TEXTS = {
    "letters": "x",
    "only ampersands": "&",
    "only less-than": "<",
    "only quotes": '"',
    "only backslashes": "\\",
    "markdown": "_*~`|>#[",
    "emoji": "😀",
    "a family": "👨‍👩‍👧‍👦",
    "combining marks": "e\u0301\u0302\u0303",
    "turned around": "\u202e\u200f\u2067evil",
    "everyone": "@everyone @here <@1> <@&1> ",
    "the channel": "<!channel> & <@U1> <http://x|y> ",
    "lines": "line\nbreak\r\n",
    "control": "nul\0\u0001\u007f\u0085",
    "no width": "\u200b\ufeff",
    "encoded words": "=?UTF-8?B?eA==?= ",
    "blank": " \t",
    "templates": "{{ data.symbol }}{% for x in y %}",
}

TYPES = [
    "tp_hit", "position_closed", "position_update", "order_fill", "order_cancelled", "trade_executed",
    "trade_finalized", "breakeven_set", "breakeven_failed", "take_profit_modified", "stop_loss_modified",
    "signal_received", "engine_status", "never_heard_of",
]

FIELDS = ["symbol", "direction", "account_label", "currency", "comment", "error", "reason"]
SHORT_FIELDS = ["status", "close_reason", "error_code", "order_type", "trade_id", "message", "component"]

# Whole payloads that are odd as JSON, not as text.
ODD = [
    '{"type":"tp_hit","data":{"symbol":"\\ud83d","direction":"\\ude00"}}',
    '{"type":"tp_hit","data":{"symbol":"XAUUSD","realized_pl":1e308,"volume":-0.0,"tp_level":9007199254740993}}',
    '{"type":"tp_hit","data":{"symbol":"XAUUSD","realized_pl":1e400,"tp_price":123456789012345678901234567890}}',
    '{"type":"tp_hit","data":{"symbol":["a",{"b":null}],"direction":{},"realized_pl":"19.84","volume":true}}',
    '{ "type" : "tp_hit" , "data" : { "10" : 1.0 , "9" : 1E+2 , "\\u0073ymbol" : "XAU\\/USD" } }',
    '{"type":"other","data":{"__proto__":{"x":1},"constructor":1,"toString":"x","":"","a":1,"a":2}}',
    '{"type":"","data":{"":""}}',
    '{"type":"other","data":[]}',
    '{"type":"other","data":null}',
    '{"type":"other","data":""}',
    '{"type":"other","data":"only text"}',
    '{"type":"tp_hit","timestamp":"yesterday","data":{"symbol":""}}',
    '{"type":"tp_hit","timestamp":"9999-12-31T23:59:59.999999999Z","data":{}}',
    '{"type":"tp_hit","timestamp":"0001-01-01T00:00:00Z","data":{}}',
    '{"type":"other","data":' + "[" * 100 + "]" * 100 + "}",
    '{"type":17,"timestamp":-1,"data":{"symbol":"XAUUSD"}}',
    '[1.0,"no object"]',
]


def repeated(text, length):
    """The text over and over, up to at least so many UTF-16 units, which is how the strictest count."""
    return text * (length // (len(text.encode("utf-16-le")) // 2) + 1)


def tell(payload):
    line = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    assert "\n" not in line and len(line.encode()) < EVENT_BYTES_MAX, f"{len(line.encode())} bytes: {line[:80]}"
    sys.stdout.buffer.write(line.encode() + b"\n")


def event(kind, texts, more=None):
    data = dict(texts)
    data.update(more or {})
    return {"type": kind, "timestamp": "2026-06-11T09:00:00.000Z", "data": data}


def main():
    for index, text in enumerate(TEXTS.values()):
        long, short = repeated(text, TENFOLD), repeated(text, OVER_EVERY_LABEL)
        numbers = {"realized_pl": -19.84, "volume": 0.04, "tp_level": 1}
        tell(event(TYPES[index % len(TYPES)], {field: long for field in FIELDS}, numbers))
        for kind in TYPES:
            texts = {field: short for field in FIELDS + SHORT_FIELDS}
            texts.update({"realized_pl": short, "tp_level": short, "volume": short, "take_profits": [short] * 7})
            tell(event(kind, texts))
        # Names are foreign text, too, and so is the type.
        tell(event("never_heard_of", {f"{number}{short}": short for number in range(14)}))
        tell(event(short, {"symbol": short}))
    for payload in ODD:
        tell(payload)


main()
