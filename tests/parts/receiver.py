"""Accepts whatever is sent, as the platform at that path would, and writes each request down as one line of JSON.

    receiver.py PORT FILE [--to URL] [--below PATH] [--refuse NUMBER]

--to passes the requests on and answers what comes back, so that one sees what a real receiver was asked and said;
--below does so for what lies below that path alone, as a proxy does that keeps a service there; --refuse answers that
many requests with 500 first.

A line has `at` (seconds), `method`, `path`, `headers` (in small letters), `body` (base64), `status` and `answer`.
"""

import argparse
import base64
import http.server
import json
import threading
import time
import urllib.error
import urllib.request

arguments = argparse.ArgumentParser()
arguments.add_argument("port", type=int)
arguments.add_argument("file")
arguments.add_argument("--to")
arguments.add_argument("--below", default="")
arguments.add_argument("--refuse", type=int, default=0)
ASKED = arguments.parse_args()
OF_THE_CONNECTION = ("accept-encoding", "connection", "content-length", "host", "te", "transfer-encoding")
LOCK = threading.Lock()
REFUSED = 0


def platform(path):
    """What Discord, Slack and an ordinary webhook say when they are content."""
    if path.startswith("/api/"):
        return (200, b'{"id":"1"}') if "wait=true" in path else (204, b"")
    if path.startswith("/services/"):
        return 200, b"ok"
    return 204, b""


def passed_on(method, path, headers, body):
    if not path.startswith(ASKED.below):
        return 404, b"nothing is here"
    keep = {name: value for name, value in headers.items() if name not in OF_THE_CONNECTION}
    url = ASKED.to.rstrip("/") + path[len(ASKED.below):]
    request = urllib.request.Request(url, data=body or None, method=method, headers=keep)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read()
    except OSError:
        return 502, b"nobody is behind this proxy"


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self):
        global REFUSED
        if self.path == "/ready":
            return self.say(204, b"")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        at = time.time()
        with LOCK:
            refuse = REFUSED < ASKED.refuse
            REFUSED += refuse
        if refuse:
            status, said = 500, b"not today"
        elif ASKED.to:
            status, said = passed_on(self.command, self.path, headers, body)
        else:
            status, said = platform(self.path)
        line = {"at": at, "method": self.command, "path": self.path, "headers": headers,
                "body": base64.b64encode(body).decode(), "status": status, "answer": said.decode("utf-8", "replace")}
        with LOCK, open(ASKED.file, "a", encoding="ascii") as out:
            out.write(json.dumps(line) + "\n")
        self.say(status, said)

    def say(self, status, body):
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


Server(("127.0.0.1", ASKED.port), Receiver).serve_forever()
