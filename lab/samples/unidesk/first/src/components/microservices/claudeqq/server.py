from service import serve

serve("claudeqq", {"/api/bridge": lambda: {"ok": True, "connected": False}})
