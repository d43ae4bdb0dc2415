"""Verifies the recorded Standard Webhooks signatures with the libraries for Python.

    signatures.py RECORDING NEW_SECRET OLD_SECRET
"""

import sys

import standardwebhooks
import svix
from read_recording import Findings, read

recording, new_secret, old_secret = sys.argv[1:]
foreign = "whsec_" + "Bwc" * 8 + "BwcHBwcH"
findings = Findings()
turn = 0


def changed(body):
    global turn
    copy = bytearray(body)
    copy[turn % len(copy)] ^= 1
    turn += 1
    return bytes(copy)


def refused(what, check, *arguments):
    try:
        check(*arguments)
    except Exception:
        return
    raise AssertionError(f"{what} is accepted")


def verified(verifier, request):
    verifier.verify(request.body, request.headers)
    refused("one byte changed", verifier.verify, changed(request.body), request.headers)
    refused("another id", verifier.verify, request.body, {**request.headers, "webhook-id": request.id + "x"})


for request in read(recording):
    if request.sink not in ("standard", "cloudevents", "canonical"):
        continue
    for library in (standardwebhooks, svix):
        for secret in (new_secret, old_secret):
            what = f"WH-4 WH-5 {library.__name__} (Python)"
            findings.judge(what, request, verified, library.Webhook(secret), request)
        verify = library.Webhook(foreign).verify
        what = f"a foreign secret ({library.__name__}, Python)"
        findings.judge(what, request, refused, "it", verify, request.body, request.headers)
findings.end()
