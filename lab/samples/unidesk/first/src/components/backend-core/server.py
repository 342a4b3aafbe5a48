from service import serve

serve("backend-core", {"/api/version": lambda: {"ok": True, "api": 1}})
