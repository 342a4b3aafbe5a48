from service import serve

serve("decision-center", {"/api/decisions": lambda: {"ok": True, "decisions": []}})
