"""Asks one host of a cluster what is true on it: etcd, Patroni, HAProxy, the VIP and, on one host, SQL through the VIP.

Reads one JSON object on standard input, writes one on standard output. Runs under the interpreter of Patroni's own
virtual environment, needs nothing else, writes nothing but one probe row, and gives up on each question after a few
seconds: a question without an answer is reported as an error text, never as an absence.
"""
import csv
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

ASKED = json.load(sys.stdin)
LIMIT = ASKED["limit_seconds"]
ANSWERS = {}
# A proxy of the environment must never stand between us and the cluster.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def http(url, body=None):
    """Returns status and decoded body; an HTTP error status is an answer too."""
    request = urllib.request.Request(url, data=None if body is None else json.dumps(body).encode())
    try:
        with OPENER.open(request, timeout=LIMIT) as response:
            status, text = response.status, response.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read().decode("utf-8", "replace")
    try:
        return {"status": status, "body": json.loads(text)}
    except ValueError:
        return {"status": status, "body": None}


def haproxy():
    """Returns the rows of `show stat`, by header name."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(LIMIT)
        line.connect(ASKED["haproxy_socket"])
        line.sendall(b"show stat\n")
        text = b"".join(iter(lambda: line.recv(65536), b"")).decode("utf-8", "replace")
    rows = csv.DictReader(text.lstrip("# ").splitlines())
    wanted = ("pxname", "svname", "status", "check_status", "check_code", "addr")
    return [{key: row.get(key) or "" for key in wanted} for row in rows]


def vip():
    """Returns whether this host holds the VIP."""
    shown = subprocess.run(["ip", "-o", "-4", "addr", "show"], capture_output=True, text=True, timeout=LIMIT, check=True)
    return any(" %s/" % ASKED["vip"] in row for row in shown.stdout.splitlines())


def units():
    """Returns the state of each unit asked for."""
    states = {}
    for unit in ASKED["units"]:
        shown = subprocess.run(
            ["systemctl", "show", "-p", "ActiveState,UnitFileState,NRestarts", unit],
            capture_output=True, text=True, timeout=LIMIT, check=True,
        )
        values = dict(row.split("=", 1) for row in shown.stdout.splitlines() if "=" in row)
        states[unit] = {
            "active": values.get("ActiveState", ""),
            "enabled": values.get("UnitFileState", ""),
            "restarts": int(values.get("NRestarts") or 0),
        }
    return states


def connect(port):
    """Connects to PostgreSQL through the VIP as the probe role."""
    asked = ASKED["sql"]
    arguments = dict(
        host=ASKED["vip"], port=port, dbname=asked["database"], user=asked["user"], password=asked["password"],
        connect_timeout=max(2, int(LIMIT)), application_name="quorate verify",
    )
    try:
        import psycopg
        return psycopg.connect(autocommit=True, **arguments)
    except ImportError:
        import psycopg2
        line = psycopg2.connect(**arguments)
        line.autocommit = True
        return line


WHO = "SELECT pg_is_in_recovery(), host(inet_server_addr()), current_setting('server_version')"


def sql():
    """Writes a row through the primary port and reads it back through the replica port."""
    result = {}
    began = time.monotonic()
    with connect(ASKED["sql"]["primary_port"]) as line, line.cursor() as cursor:
        cursor.execute(WHO)
        recovery, address, version = cursor.fetchone()
        result["primary"] = {"in_recovery": recovery, "address": address, "version": version}
        if recovery:
            return result
        # A write that waits for a synchronous standby that is not there would wait for ever.
        cursor.execute("SET statement_timeout = %d" % (LIMIT * 1000))
        cursor.execute(
            "INSERT INTO quorate.probe (id, token, at) VALUES (1, %s, now())"
            " ON CONFLICT (id) DO UPDATE SET token = excluded.token, at = excluded.at",
            (ASKED["sql"]["token"],),
        )
        result["write_ms"] = int((time.monotonic() - began) * 1000)
    began = time.monotonic()
    with connect(ASKED["sql"]["replica_port"]) as line, line.cursor() as cursor:
        cursor.execute(WHO)
        recovery, address, version = cursor.fetchone()
        result["replica"] = {"in_recovery": recovery, "address": address, "version": version}
        while True:
            cursor.execute("SELECT token FROM quorate.probe WHERE id = 1")
            row = cursor.fetchone()
            result["seen"] = row is not None and row[0] == ASKED["sql"]["token"]
            if result["seen"] or time.monotonic() - began > LIMIT:
                break
            time.sleep(0.05)
        result["read_ms"] = int((time.monotonic() - began) * 1000)
    return result


def ask(name, question):
    """Puts a question's answer, or why there is none, under its name."""
    try:
        ANSWERS[name] = {"ok": question()}
    except Exception as error:  # Whatever it is, the caller wants to read it.
        ANSWERS[name] = {"error": "%s: %s" % (type(error).__name__, str(error).strip())}


ETCD, REST = ASKED["etcd"], ASKED["patroni"]
QUESTIONS = {
    "etcd_health": lambda: http(ETCD + "/health"),
    "etcd_status": lambda: http(ETCD + "/v3/maintenance/status", {}),
    "etcd_members": lambda: http(ETCD + "/v3/cluster/member/list", {}),
    "etcd_alarms": lambda: http(ETCD + "/v3/maintenance/alarm", {"action": "GET"}),
    "patroni": lambda: http(REST + "/patroni"),
    "patroni_cluster": lambda: http(REST + "/cluster"),
    "patroni_config": lambda: http(REST + "/config"),
    "haproxy": haproxy,
    "vip": vip,
    "units": units,
}
if ASKED.get("sql"):
    QUESTIONS["sql"] = sql
threads = [threading.Thread(target=ask, args=item, daemon=True) for item in QUESTIONS.items()]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(3 * LIMIT)
for name in QUESTIONS:
    ANSWERS.setdefault(name, {"error": "no answer in %s s" % (3 * LIMIT)})
json.dump(ANSWERS, sys.stdout)
sys.stdout.flush()
