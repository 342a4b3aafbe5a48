from service import serve

serve("met-nonlinear", {"/api/models": lambda: {"ok": True, "models": []}})
