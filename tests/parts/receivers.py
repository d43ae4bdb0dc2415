"""Judges a receiver of deploy/receivers by what it was sent, what it answered and what it acted on, and then puts it to
the test with what must be refused. Whatever it says, `bellwire verify` has to say of the same request.

    receivers.py RECORDING ACTED URL BELLWIRE
"""

import base64
import hashlib
import hmac
import json
import os
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from read_recording import read

recording, acted_file, url, bellwire = sys.argv[1:]
secret = os.environ["WEBHOOK_SECRET"]


def acted():
    with open(acted_file, encoding="utf-8") as lines:
        return [line.split()[:2] for line in lines]


def send(headers, body):
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as answer:
        return answer.code


def cut_off():
    place = urllib.parse.urlsplit(url)
    with socket.create_connection((place.hostname, place.port), timeout=20) as line:
        line.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
        # Closed at once, as by a sender that is killed.
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def verify(headers, body):
    head = "".join(f"{name}: {value}\n" for name, value in headers.items())
    told = subprocess.run([bellwire, "verify", "--secret", secret], input=f"{head}\n".encode() + body, capture_output=True)
    return told.returncode, told.stdout.decode().strip()


def signed(id, body, at):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    code = hmac.new(key, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(code).decode()
    return {"webhook-id": id, "webhook-timestamp": str(at), "webhook-signature": signature}


requests = read(recording)
assert requests and all(request.status == 204 for request in requests), "a request of bellwire's was refused"
sent = {request.id: json.loads(request.body)["type"] for request in requests}
assert sorted(acted()) == sorted([id, kind] for id, kind in sent.items()), "not once for each delivery"
names = ("webhook-id", "webhook-timestamp", "webhook-signature")
for request in requests:
    status, told = verify({name: request.headers[name] for name in names}, request.body)
    assert status == 0, told

one, before = requests[0], acted()
head = {name: one.headers[name] for name in names}
cut_off()
assert send(head, one.body) == 204, "a repeat is accepted, also after a request that was cut off"
changed = one.body.replace(b'"type"', b'"tape"', 1)
now = int(time.time())
fresh = b'{ "type": "tp_hit", "data": {} }'
compact = b'{"type":"tp_hit","data":{}}'
refused = [
    ("a changed body", head, changed, "nothing tried fits"),
    ("another id", {**head, "webhook-id": head["webhook-id"] + "x"}, one.body, "nothing tried fits"),
    ("a signature cut off", {**head, "webhook-signature": head["webhook-signature"][:20]}, one.body, "cannot be read"),
    ("an old request", signed("msg_old", fresh, now - 400), fresh, "before it was received"),
    ("a request of the future", signed("msg_new", fresh, now + 400), fresh, "after it was received"),
    ("no signature", {"content-type": "application/json"}, fresh, "no signature"),
    ("a body that was printed again", signed("msg_json", compact, now), b'{"type": "tp_hit", "data": {}}', "re-encoded as JSON"),
    ("a body with a line break more", signed("msg_line", compact, now), compact + b"\n", "a line break was added"),
]
for what, headers, body, words in refused:
    assert send(headers, body) == 401, f"{what} is accepted"
    status, told = verify(headers, body)
    assert status == 1 and words in told, f"{what}: {told}"
assert acted() == before, "it has acted on what was repeated or refused"
assert send(signed("msg_now", fresh, now), fresh) == 204 and acted() == [*before, ["msg_now", "tp_hit"]], "a new one is acted on"
print(f"{len(requests)} requests of bellwire's were accepted and acted on once; a repeat and {len(refused)} others were not")
