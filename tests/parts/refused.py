"""Sends a receiver what must do nothing: a repeat, a changed body, an old request, a wrong secret; and then one that is
to do something, `msg_last`.

    refused.py RECORDING URL SECRET
"""

import base64
import hashlib
import hmac
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from read_recording import read

recording, url, secret = sys.argv[1:]
names = ("webhook-id", "webhook-timestamp", "webhook-signature")
BODY = b'{ "type": "tp_hit", "n": 1.0, "data": {} }'


def send(headers, body):
    headers = {**headers, "content-type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers), timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as answer:
        return answer.code


def signed(id, at, secret=secret):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    code = hmac.new(key, f"{id}.{at}.".encode() + BODY, hashlib.sha256).digest()
    return dict(zip(names, (id, str(at), "v1," + base64.b64encode(code).decode())))


path = urllib.parse.urlsplit(url).path
one = next(request for request in read(recording) if request.path == path and request.status == 204)
head = {name: one.headers[name] for name in names}
now = int(time.time())
for what, expected, headers, body in [
    ("a repeat", 204, head, one.body),
    ("a changed body", 401, head, one.body.replace(b'"type"', b'"tape"', 1)),
    ("an old request", 401, signed("msg_old", now - 400), BODY),
    ("another secret", 401, signed("msg_foreign", now, "whsec_" + "Bwc" * 8 + "BwcHBwcH"), BODY),
    ("no signature", 401, {}, BODY),
    ("the last one", 204, signed("msg_last", now), BODY),
]:
    status = send(headers, body)
    assert status == expected, f"{what} got {status}"
