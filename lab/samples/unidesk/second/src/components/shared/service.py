"""What all UniDesk services have in common: routes, health with deploy metadata, a prompt end."""

import os
import signal

# Installed before anything slow is imported: process 1 of a container ignores a SIGTERM that it has no handler for.
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# Written by the Dockerfile at build time; nothing in the environment can change it.
COMMIT = Path(__file__).with_name("deploy-commit").read_text().strip()


def deploy(service):
    """The commit that was built in, and the one that whoever started this container asked for."""
    own = "UNIDESK_%s_DEPLOY_REQUESTED_COMMIT" % service.upper().replace("-", "_")
    requested = os.environ.get(own) or os.environ.get("UNIDESK_DEPLOY_REQUESTED_COMMIT")
    return {"commit": COMMIT, "requestedCommit": requested or None}


def health(service, **extra):
    return {"ok": True, "service": service, "deploy": deploy(service), **extra}


def serve(service, routes=None, port=8080):
    """Serves GET routes: path to a function that returns text, an object for JSON, or (status, object)."""
    table = {"/health": lambda: health(service), "/": lambda: "UniDesk %s\n" % service, **(routes or {})}

    class Handler(BaseHTTPRequestHandler):
        server_version = "UniDesk"
        sys_version = ""

        def do_GET(self):
            route = table.get(self.path.partition("?")[0])
            result = route() if route else (404, {"ok": False, "error": "not found"})
            status, body = result if isinstance(result, tuple) else (200, result)
            if isinstance(body, str):
                kind = "text/html" if body.startswith("<!") else "text/plain"
                payload = body.encode()
            else:
                kind = "application/json"
                payload = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", kind + "; charset=utf-8")
            # Health and stats change with every deploy; a proxy in between must not answer for the service.
            self.send_header("Cache-Control", "no-store")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

    print("%s %s listens on port %d" % (service, COMMIT, port), flush=True)
    ThreadingHTTPServer(("0.0.0.0", port), Handler).serve_forever()
