"""Compares what ntfy's subscribers see with what bellwire sent and what was meant. Its first argument says what for.

A message seen and a request belong together by the id in ntfy's answer to it.
"""

import json
import signal
import sqlite3
import sys

from read_recording import read

MESSAGE_BYTES_MAX = 4095
BODY_BYTES_MAX = 8191
LONGEST = {"click": "https://example.org/", "icon": "https://example.org/"}
TAGS = ["tada", "x-ray"]
ACTIONS = [
    {"action": "view", "label": "Open chart ü", "url": "https://example.org/chart?a=1&b=2", "clear": True},
    {"action": "view", "label": "Call", "url": "tel:+491234", "clear": False},
    {"action": "http", "label": "Lights", "url": "https://example.org/hook", "method": "PUT", "clear": False,
     "headers": {"X-Api-Key": "open"}, "body": '{"on": 1}'},
]


def seen(file):
    with open(file, encoding="utf-8") as lines:
        messages = [json.loads(line) for line in lines if line.strip()]
    assert len({message["id"] for message in messages}) == len(messages), "a message is there twice"
    return {message["id"]: message for message in messages}


def pairs(seen_file, request_file):
    """Every request with its message; all of them were accepted at the first try."""
    messages = seen(seen_file)
    requests = read(request_file)
    for request in requests:
        assert request.status == 200, f"{request.status} {request.answer}: {request.body[:200]!r}"
    found = [(json.loads(r.body), messages.pop(json.loads(r.answer)["id"])) for r in requests]
    assert found and not messages, f"{len(messages)} messages that nobody sent"
    assert len({r.id for r in requests}) == len(requests), "a delivery was sent twice"
    return found


def same(body, message):
    # ntfy trims texts, and decodes what looks like an encoded word of an e-mail's header.
    for key in ("title", "message"):
        if "=?" not in body[key]:
            assert message[key] == body[key].strip(), f"{message[key][:80]!r} for {body[key][:80]!r}"
    assert message.get("priority", 3) == body["priority"], message
    assert message.get("tags", []) == body["tags"], message
    assert message.get("click") == body.get("click") and message.get("icon") == body.get("icon"), message
    assert buttons(message) == buttons(body), f"{message.get('actions')} for {body.get('actions')}"
    assert "attachment" not in message, message


def buttons(message):
    """The actions without the id that ntfy gives each, and with what it fills in."""
    return [{"clear": False, **{key: value for key, value in one.items() if key != "id"}} for one in message.get("actions", [])]


def reviewed(snapshot):
    """The bodies that the unit tests keep for review, but for those of bellwire's own events."""
    kind = ""
    with open(snapshot, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("{"):
                if not kind.startswith("bellwire."):
                    yield json.loads(line)
            elif line.strip():
                kind = line.strip()


def key(body):
    return body["title"], body["message"], body.get("priority", 3), tuple(body.get("tags", []))


def nt_1(seen_file, request_file, snapshot):
    found = pairs(seen_file, request_file)
    for body, message in found:
        same(body, message)
    read_by = {topic: [message for _, message in found if message["topic"] == topic] for topic in ("samples", "chosen")}
    there = {key(message) for message in read_by["samples"]}
    meant = list(reviewed(snapshot))
    assert len(meant) >= 15, f"only {len(meant)} reviewed wordings"
    for body in meant:
        assert key(body) in there, f"nobody saw {body}"
    assert len(read_by["chosen"]) == 4
    for message in read_by["chosen"]:
        assert message["title"].startswith("TP") and " hit · XAUUSD buy · +" in message["title"], message
        assert message["priority"] == 5 and message["tags"] == TAGS, message
        assert message["click"] == "https://example.org/trades?a=1&b=ü", message
        assert message["icon"] == "https://example.org/icon.png", message
        assert buttons(message) == ACTIONS, message["actions"]


def nt_2(*files):
    for seen_file, request_file in zip(files[::2], files[1::2]):
        found = pairs(seen_file, request_file)
        sizes = []
        for body, message in found:
            same(body, message)
            sizes.append(len(body["message"].encode()))
        assert max(sizes) <= MESSAGE_BYTES_MAX, max(sizes)
        texts = {message["message"] for _, message in found}
        for text in exact():
            whole = len(text.encode()) <= MESSAGE_BYTES_MAX
            near = [t for t in texts if t == text or (not whole and len(t.encode()) > 4085 and text.startswith(t.rstrip("…")))]
            assert near, f"{len(text.encode())} bytes of {text[0]} are not there"


def nt_3(*files):
    sizes = []
    for file in files:
        for request in read(file):
            text = request.body.decode("utf-8")
            body = json.loads(text)
            # An event that came with half characters has one in its title; whoever cuts one in two leaves it at an end.
            assert "\ufffd" not in text or "\ufffd" in body["title"], text
            assert not any(0xD800 <= ord(c) < 0xE000 for c in body["message"]), text
            if body["topic"] == "longest":
                assert len(body["click"]) > 1000 and len(body["icon"]) > 1000 and len(body["tags"]) == 10
                assert len(json.dumps(body["actions"], separators=(",", ":"))) > 1400, body["actions"]
                sizes.append(len(request.body))
    assert 7000 <= max(sizes) <= BODY_BYTES_MAX, f"the largest body has {max(sizes)} bytes"


def nt_4(*arguments):
    *cases, held_file = arguments
    held = json.load(open(held_file, encoding="utf-8"))
    for file, status in zip(cases[::2], cases[1::2]):
        requests = read(file)
        assert [request.status for request in requests] == [int(status)], [request.status for request in requests]
    for sink in ("wrong", "anonymous"):
        states = [delivery["state"] for delivery in held if delivery["sink"] == sink]
        assert states == ["held"] * 4, f"{sink}: {states}"


def nt_5(seen_file, request_file):
    titles = [message["title"] for message in seen(seen_file).values()]
    assert len(titles) == 20 and all(f"N{n:02}" in title for n, title in enumerate(titles, 1)), titles
    requests = read(request_file)
    refusals = [n for n, request in enumerate(requests) if request.status == 429]
    assert {request.status for request in requests} == {200, 429}, "no limit was met"
    assert len(refusals) <= 6, f"{len(refusals)} refusals"
    for n in refusals:
        wait = requests[n + 1].at - requests[n].at
        assert wait >= 9.9, f"asked again after {wait:.1f} s"


def nt_6(seen_file, version):
    found = list(seen(seen_file).values())
    assert len(found) == 8, len(found)
    ids = {}
    for message in found:
        trade = "plain-1" if "plain-1" in json.dumps(message) else "other"
        # A server before 2.16 knows no such thing, and says nothing about it.
        if tuple(map(int, version.split("-")[0].split("."))) >= (2, 16):
            ids.setdefault(trade, set()).add(message["sequence_id"])
    numbers = [message["title"].split("N")[1][0] for message in found if "plain-1" in json.dumps(message)]
    assert numbers == sorted(numbers) and len(numbers) == 4, numbers
    if ids:
        assert ids["plain-1"] == {"plain-1"}, ids
        assert len(ids["other"]) == 1 and ids["other"] != ids["plain-1"], ids


def nt_9(seen_file, request_file):
    assert {request.path for request in read(request_file)} == {"/push/"}
    topics = {message["topic"] for message in seen(seen_file).values()}
    assert topics == {"longest", "slash"}, topics


def nt_10(seen_file):
    titles = [message["title"] for message in seen(seen_file).values()]
    assert len(titles) == 3, titles
    for title, symbol in zip(titles, ("FIRST", "SECOND", "THIRD")):
        assert symbol in title, titles


def exact():
    """Texts at and over the length from which ntfy makes an attachment of a message."""
    return ["x" * MESSAGE_BYTES_MAX, "y" * (MESSAGE_BYTES_MAX + 1), "😀" * 1024]


def exactly():
    for text in exact():
        print(json.dumps({"type": "exactly", "data": {"text": text}}))


def longest():
    """Every field of a sink at the longest that its configuration takes, as lines of it."""
    for name, start in LONGEST.items():
        print(f'{name} = "{start.ljust(1024, "x")}"')
    print(f"tags = {json.dumps([str(n).ljust(64, 'x') for n in range(10)])}")
    button = {"label": "x" * 64, "action": "http", "url": "https://example.org/".ljust(340, "x"), "body": "x" * 40}
    print_actions([button] * 3)


def actions():
    print_actions(ACTIONS)


def print_actions(wanted):
    """As TOML, in which a table within a line has other signs than in JSON."""
    def toml(value):
        if isinstance(value, dict):
            return "{ " + ", ".join(f"{key} = {toml(part)}" for key, part in value.items()) + " }"
        return json.dumps(value, ensure_ascii=False)

    print(f"actions = [{', '.join(toml(one) for one in wanted)}]")


def lock(database):
    """Keeps everybody else from writing to a database until it is ended."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    open(f"{database}.locked", "w", encoding="ascii").close()
    signal.pause()


JOBS = {"NT-1": nt_1, "NT-2": nt_2, "NT-3": nt_3, "NT-4": nt_4, "NT-5": nt_5, "NT-6": nt_6, "NT-9": nt_9, "NT-10": nt_10,
        "exactly": exactly, "longest": longest, "actions": actions, "lock": lock}
JOBS[sys.argv[1]](*sys.argv[2:])
