from service import serve

serve(
    "decision-center",
    {
        "/api/decisions": lambda: {"ok": True, "decisions": [], "open": 0},
        "/api/projects": lambda: {"ok": True, "source": "project-manager"},
    },
)
