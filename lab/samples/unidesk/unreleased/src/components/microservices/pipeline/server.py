from service import serve

serve("pipeline", {"/api/runs": lambda: {"ok": True, "runs": [], "retention": "30d"}})
