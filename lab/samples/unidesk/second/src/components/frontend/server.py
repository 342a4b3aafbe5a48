import os
from html import escape

from service import deploy, health, serve


def auth():
    """Only whether each is set: a session secret never leaves the process."""
    return {
        "usernameConfigured": bool(os.environ.get("UNIDESK_AUTH_USERNAME")),
        "sessionSecretConfigured": bool(os.environ.get("UNIDESK_AUTH_SESSION_SECRET")),
    }


def page():
    live = deploy("frontend")
    return "<!doctype html>\n<title>UniDesk</title>\n<h1>UniDesk</h1>\n<p>Commit <code>%s</code>, asked for <code>%s</code></p>\n" % (
        escape(live["commit"]),
        escape(live["requestedCommit"] or "nothing"),
    )


serve("frontend", {"/": page, "/health": lambda: health("frontend", auth=auth())})
