import os

from service import health, serve

role = os.environ.get("UNIDESK_CODE_QUEUE_ROLE", "scheduler")

serve("code-queue", {"/health": lambda: health("code-queue", role=role)})
