from service import serve

serve(
    "project-manager",
    {
        "/api/projects": lambda: {"ok": True, "projects": []},
        "/api/decisions": lambda: {"ok": True, "source": "decision-center"},
    },
)
