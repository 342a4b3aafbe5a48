import os

from service import health, serve


def auth():
    """Whether each secret is there, never a value."""
    present = {
        "clientIdConfigured": bool(os.environ.get("UNIDESK_BAIDU_NETDISK_CLIENT_ID")),
        "clientSecretConfigured": bool(os.environ.get("UNIDESK_BAIDU_NETDISK_CLIENT_SECRET")),
        "tokenKeyConfigured": bool(os.environ.get("UNIDESK_BAIDU_NETDISK_TOKEN_KEY")),
    }
    complete = all(present.values())
    return {"configured": complete, **present, "loggedIn": complete}


serve("baidu-netdisk", {"/health": lambda: health("baidu-netdisk", auth=auth())})
