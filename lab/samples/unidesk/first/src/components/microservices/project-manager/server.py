from service import serve

serve("project-manager", {"/api/projects": lambda: {"ok": True, "projects": []}})
