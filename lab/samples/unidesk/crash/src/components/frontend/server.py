import os
from html import escape

from service import deploy, health, serve

PAGE = """<!doctype html>
<html lang="en">
<title>UniDesk</title>
<style>body { font: 1rem/1.5 sans-serif; max-width: 40rem; margin: 3rem auto }</style>
<h1>UniDesk</h1>
<p>Commit <code>%s</code>, asked for <code>%s</code></p>
<nav><a href="/projects">Projects</a> <a href="/decisions">Decisions</a></nav>
</html>
"""


def auth():
    """Only whether each is set: a session secret never leaves the process."""
    return {
        "usernameConfigured": bool(os.environ.get("UNIDESK_AUTH_USERNAME")),
        "sessionSecretConfigured": bool(os.environ.get("UNIDESK_AUTH_SESSION_SECRET")),
    }


def page():
    live = deploy("frontend")
    return PAGE % (escape(live["commit"]), escape(live["requestedCommit"] or "nothing"))


raise RuntimeError("frontend: assets/manifest.json is missing")
serve("frontend", {"/": page, "/health": lambda: health("frontend", auth=auth())})
