from service import serve

serve("oa-event-flow", {"/api/events": lambda: {"ok": True, "events": []}})
