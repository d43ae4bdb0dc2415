"""Acts once on each genuine request: WEBHOOK_SECRET=whsec_… python3 receiver.py [PORT]"""
import base64, hashlib, hmac, http.server, json, os, sys, threading, time

KEY = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
DONE = set()  # In memory: keep it in a file or a database if a restart must not repeat anything.
LOCK = threading.Lock()


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))  # The raw bytes, before anything parses them.
        id, at, signatures = (self.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
        code = hmac.new(KEY, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
        expected = "v1," + base64.b64encode(code).decode()
        genuine = any(hmac.compare_digest(one.encode(), expected.encode()) for one in signatures.split(" "))
        if not genuine or abs(time.time() - int(at)) > 300:
            return self.answer(401)
        with LOCK:  # Several requests come at once.
            if id not in DONE:
                event = json.loads(body)
                print(id, event["type"], event.get("data", {}).get("symbol", ""), flush=True)  # Here goes what is to happen.
                DONE.add(id)
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.end_headers()


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8090
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Receiver).serve_forever()
