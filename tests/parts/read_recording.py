"""Reads what the receiver wrote down, for the judges in Python."""

import base64
import json


class Request:
    def __init__(self, line):
        told = json.loads(line)
        self.at, self.status, self.path = told["at"], told["status"], told["path"]
        self.headers, self.body, self.answer = told["headers"], base64.b64decode(told["body"]), told["answer"]
        self.sink = self.path.split("?")[0].rsplit("/", 1)[-1]
        self.id = self.headers.get("webhook-id", "")


def read(file):
    with open(file, encoding="ascii") as lines:
        return [Request(line) for line in lines]


class Findings:
    """What a judge refused, told at the end; how much it looked at, told as well."""

    def __init__(self):
        self.found, self.judged = [], {}

    def judge(self, what, request, check, *arguments):
        self.judged[what] = self.judged.get(what, 0) + 1
        try:
            check(*arguments)
        except Exception as error:  # Whatever a judge raises is its refusal.
            text = f"{what}: {request.sink} {request.id}: {type(error).__name__}: {error}"
            self.found.append(f"{text[:400]}\n    {request.body[:300]!r}")

    def end(self):
        for finding in self.found[:20]:
            print(finding)
        for what, count in self.judged.items():
            print(f"{what}: {count} judged, {sum(f.startswith(what + ':') for f in self.found)} refused")
        raise SystemExit(1 if self.found or not self.judged else 0)


def must_refuse(what, check, *arguments):
    """A judge that accepts everything proves nothing."""
    try:
        check(*arguments)
    except Exception:
        return
    raise SystemExit(f"{what} accepts what is broken on purpose")
