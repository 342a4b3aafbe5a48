from service import serve

serve("code-queue-mgr", {"/api/tasks/stats": lambda: {"ok": True, "queued": 0, "running": 0, "done": 42}})
