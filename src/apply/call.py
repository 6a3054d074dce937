"""Asks this cluster's HTTP services on behalf of a run: one request, or one again and again until it is answered as wanted.

Reads one JSON object on standard input: method, url, body, login (whether to show the password of Patroni's REST API, which
is read from the host's own file, so that it never travels), timeout. Writes {"status", "body"}; no answer is an exit code 1.
"""
import base64
import json
import sys
import urllib.error
import urllib.request

ASKED = json.load(sys.stdin)
HEADERS = {"Content-Type": "application/json"}
if ASKED.get("login"):
    import yaml
    with open("/etc/patroni/patroni.yml", encoding="utf-8") as file:
        login = yaml.safe_load(file)["restapi"]["authentication"]
    pair = "%s:%s" % (login["username"], login["password"])
    HEADERS["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
BODY = ASKED.get("body")
REQUEST = urllib.request.Request(
    ASKED["url"], method=ASKED["method"], headers=HEADERS, data=None if BODY is None else json.dumps(BODY).encode(),
)
try:
    # A proxy of the environment must never stand between us and the cluster.
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(REQUEST, timeout=ASKED["timeout"]) as answer:
        status, text = answer.status, answer.read().decode("utf-8", "replace")
except urllib.error.HTTPError as error:
    status, text = error.code, error.read().decode("utf-8", "replace")
except OSError as error:
    sys.exit("%s: %s" % (ASKED["url"], error))
json.dump({"status": status, "body": text}, sys.stdout)
