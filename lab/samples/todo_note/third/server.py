import os
import signal

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NOTES = [{"id": 1, "text": "Write the first note", "done": False}]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/api/health":
            self.answer(200, "application/json", json.dumps({"ok": True}))
        elif self.path == "/api/notes":
            self.answer(200, "application/json", json.dumps(NOTES))
        elif self.path == "/":
            self.answer(200, "text/plain", "Todo Note: %d open\n" % sum(not note["done"] for note in NOTES))
        else:
            self.answer(404, "text/plain", "Not found\n")

    def answer(self, status, kind, text):
        payload = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind + "; charset=utf-8")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
