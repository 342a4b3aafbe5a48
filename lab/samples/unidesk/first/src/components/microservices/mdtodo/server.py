from service import serve

serve("mdtodo", {"/api/documents": lambda: {"ok": True, "documents": []}})
