"""Accepts every delivery and writes down its id and when it came, in nanoseconds since 1970; GET says that it is there.

    counter.py PORT FILE
"""

import http.server
import sys
import time

PORT, FILE = int(sys.argv[1]), sys.argv[2]


class Counter(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One write for each line: two threads never mix theirs.
    file = open(FILE, "ab", buffering=0)

    def log_message(self, *_):
        pass

    def answer(self):
        self.send_response(204)
        self.end_headers()

    do_GET = answer

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.file.write(b"%s %d\n" % (self.headers["webhook-id"].encode(), time.time_ns()))
        self.answer()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


Server(("127.0.0.1", PORT), Counter).serve_forever()
