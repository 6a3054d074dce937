"""Makes Patroni look at the cluster now instead of at its next turn.

Sends settings that the DCS holds already: Patroni compares, writes nothing, and wakes its loop (api.py, do_PATCH_config).
Reads one JSON object on standard input, so that the password shows nowhere.
"""
import base64
import json
import sys
import urllib.request

ASKED = json.load(sys.stdin)
LOGIN = base64.b64encode(("%s:%s" % (ASKED["user"], ASKED["password"])).encode()).decode()
REQUEST = urllib.request.Request(
    ASKED["url"], data=json.dumps(ASKED["settings"]).encode(), method="PATCH",
    headers={"Authorization": "Basic " + LOGIN, "Content-Type": "application/json"},
)
try:
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(REQUEST, timeout=2).read()
except OSError:
    pass  # Not up yet: the next look says so.
