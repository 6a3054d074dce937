"""Asks this host's Patroni: reads {method, path, body, password} as JSON on standard input, prints [status, answer]."""
import base64
import json
import re
import sys
import urllib.error
import urllib.request

ASKED = json.load(sys.stdin)
TEXT = open("/etc/patroni/patroni.yml", encoding="utf-8").read()
HOST = re.search(r"^restapi:.*?connect_address: '?([0-9.:]+)", TEXT, re.S | re.M).group(1)
USER = re.search(r"^restapi:.*?username: '?([^'\n]+)", TEXT, re.S | re.M).group(1)
body = ASKED["body"]
request = urllib.request.Request(
    "http://%s%s" % (HOST, ASKED["path"]),
    method=ASKED["method"],
    data=None if body is None else json.dumps(body).encode(),
    headers={
        "Content-Type": "application/json",
        "Authorization": "Basic " + base64.b64encode(("%s:%s" % (USER, ASKED["password"])).encode()).decode(),
    },
)
try:
    with urllib.request.urlopen(request, timeout=60) as response:
        status, text = response.status, response.read().decode()
except urllib.error.HTTPError as error:
    status, text = error.code, error.read().decode()
try:
    answer = json.loads(text)
except ValueError:
    answer = text
print(json.dumps([status, answer]))
