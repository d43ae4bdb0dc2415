"""A stream of Server-Sent Events: each line of a file is one, its number the id, byte for byte as it stands there.

    feed.py PORT FILE

Lines that are added while it runs are sent as they come, so a script lets an event happen by writing it. A listener
that comes back with Last-Event-ID gets what follows.
"""

import http.server
import sys
import time

PORT, FILE = int(sys.argv[1]), sys.argv[2]


class Feed(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/ready":
            self.send_response(204)
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        told = int(self.headers.get("Last-Event-ID") or 0)
        try:
            self.wfile.write(b": welcome\n\n")
            self.tell(told)
        except OSError:
            pass

    def tell(self, told):
        number, rest, quiet = 0, b"", time.monotonic()
        with open(FILE, "rb") as lines:
            while True:
                rest += lines.readline()
                if not rest.endswith(b"\n"):
                    if time.monotonic() - quiet > 1:
                        self.wfile.write(b": still here\n\n")
                        quiet = time.monotonic()
                    time.sleep(0.05)
                    continue
                number, line, rest = number + 1, rest.rstrip(b"\n"), b""
                if number > told:
                    self.wfile.write(b"id: %d\ndata: %s\n\n" % (number, line))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


Server(("127.0.0.1", PORT), Feed).serve_forever()
