"""Judges the recorded Slack bodies by Slack's own library, and the CloudEvents by that project's.

    validators.py RECORDING
"""

import json
import re
import sys

from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cloudevents.v1.http import from_http, from_json
from read_recording import Findings, must_refuse, read
from slack_sdk.models.blocks import Block

requests = read(sys.argv[1])
findings = Findings()

ENTITY = re.compile(r"&(?!(amp|lt|gt);)|[<>]")


def units(text):
    return len(text.encode("utf-16-le")) // 2


def blocks(body):
    parsed = Block.parse_all(body["blocks"])
    assert 0 < len(parsed) <= 50 and len(parsed) == len(body["blocks"]), "blocks were lost"
    for block, source in zip(parsed, body["blocks"]):
        printed = block.to_dict()
        assert {key: printed.get(key) for key in source} == source, f"read as {printed}"


def texts_of(value):
    """Every text object in a block, with its limit."""
    if isinstance(value, list):
        for item in value:
            yield from texts_of(item)
    elif isinstance(value, dict):
        kind = value.get("type")
        if kind in ("plain_text", "mrkdwn"):
            yield value["text"], 2000
        elif kind == "header":
            assert value["text"]["type"] == "plain_text"
            yield value["text"]["text"], 150
        elif kind == "section" and "text" in value:
            yield value["text"]["text"], 3000
        else:
            assert len(value.get("fields", [])) <= 10 and len(value.get("elements", [])) <= 10
            yield from texts_of([item for key, item in value.items() if key in ("fields", "elements")])


def unsaid(body):
    """What the library does not look at: lengths of parts, the fallback, escapes that are whole and written once."""
    assert body["text"].strip() and units(body["text"]) <= 4000, "no fallback, or one that gets split"
    assert body["unfurl_links"] is False and body["unfurl_media"] is False and "link_names" not in body
    texts = [(body["text"], 4000), *texts_of(body["blocks"])]
    for text, limit in texts:
        assert text.strip(), "an empty text"
        assert units(text) <= limit, f"{units(text)} of {limit}"
        assert not ENTITY.search(text), f"an entity cut or not escaped: {text[:80]!r}"


def slack(body, change=None):
    body = json.loads(json.dumps(body))
    if change:
        change(body)
    return body


def header_of(length):
    return lambda body: body["blocks"].insert(0, {"type": "header", "text": {"type": "plain_text", "text": "x" * length}})


posts = [request for request in requests if request.sink.startswith("slack")]
model = json.loads(posts[0].body)
must_refuse("Slack's library", blocks, slack(model, header_of(151)))
must_refuse("Slack's library", blocks, slack(model, lambda b: b["blocks"].append({"type": "banner"})))
must_refuse("the limits of Slack's texts", unsaid, slack(model, lambda b: b.update(text="x" * 4001)))
must_refuse("the limits of Slack's texts", unsaid, slack(model, lambda b: b.update(text="a &am")))
must_refuse("the limits of Slack's texts", unsaid, slack(model, lambda b: b.update(text="<!channel>")))
for request in posts:
    body = json.loads(request.body)
    findings.judge("Slack blocks", request, blocks, body)
    findings.judge("Slack texts and escapes", request, unsaid, body)


def structured(headers, body):
    """Both of the library's readers, the old one by its two doors."""
    event = from_http_event(HTTPMessage(headers=headers, body=body))
    assert event.get_specversion() == "1.0" and event.get_id() and event.get_type() and event.get_source()
    for old in (from_http(headers, body), from_json(body)):
        # The old reader takes an empty text for no data.
        same = (old.get_data() or None) == (event.get_data() or None)
        assert old["id"] == event.get_id() and same, "read in two ways"


def cloud(request, change):
    event = json.loads(request.body)
    change(event)
    return request.headers, json.dumps(event).encode()


events = [request for request in requests if request.sink == "cloudevents"]
must_refuse("CloudEvents", structured, *cloud(events[0], lambda event: event.pop("source")))
must_refuse("CloudEvents", structured, *cloud(events[0], lambda event: event.update(time="yesterday")))
must_refuse("CloudEvents", structured, *cloud(events[0], lambda event: event.update(upstream_id="x")))
for request in events:
    findings.judge("CloudEvents (Python)", request, structured, request.headers, request.body)
findings.end()
