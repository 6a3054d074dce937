"""Asks one host of a cluster what is true on it: etcd, Patroni, HAProxy, the VIP and, on one host, SQL through the VIP.

Argument: the folder of PostgreSQL's programs. Reads one JSON object on standard input, writes one on standard output. Runs under Patroni's own interpreter, writes nothing
but one probe row, and gives up on each question after a few seconds: a question without an answer is reported as an error
text, never as an absence. It is run for every look at a cluster, so it imports little: what is left out here (urllib,
subprocess, csv, a driver of PostgreSQL) would take longer to load than all answers take to come.
"""
import json
import os
import socket
import sys
import threading
import time

ASKED = json.load(sys.stdin)
LIMIT = ASKED["limit_seconds"]
ANSWERS = {}


def http(url, body=None):
    """Returns status and decoded body; an HTTP error status is an answer too."""
    place, _, path = url.split("://", 1)[1].partition("/")
    host, _, port = place.rpartition(":")
    text = None if body is None else json.dumps(body)
    head = "%s /%s HTTP/1.0\r\nHost: %s\r\n" % ("GET" if body is None else "POST", path, place)
    if text is not None:
        head += "Content-Type: application/json\r\nContent-Length: %d\r\n" % len(text)
    with socket.create_connection((host, int(port)), LIMIT) as line:
        line.settimeout(LIMIT)
        line.sendall((head + "\r\n" + (text or "")).encode())
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split(" ")[1])
    if any(line.lower().replace(" ", "") == "transfer-encoding:chunked" for line in lines):
        body = chunks(body)
    try:
        return {"status": status, "body": json.loads(body)}
    except ValueError:
        return {"status": status, "body": None}


def chunks(body):
    """Joins a chunked body: some servers answer so whatever they are asked."""
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size.split(b";")[0] or b"0", 16)
        if length == 0:
            break
        whole, body = whole + body[:length], body[length + 2:]
    return whole


def run(*words, text="", environment=None):
    """Returns what a program prints when it is given a short text; its failure is an error with its last words."""
    given, give = os.pipe()
    out, into = os.pipe()
    told, err = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, end, number) for number, end in enumerate((given, into, err))]
    child = os.posix_spawnp(words[0], words, dict(os.environ, **(environment or {})), file_actions=actions)
    os.write(give, text.encode())
    for end in (given, give, into, err):
        os.close(end)
    with os.fdopen(out, "rb") as stream, os.fdopen(told, "rb") as errors:
        text, last = stream.read().decode("utf-8", "replace"), errors.read().decode("utf-8", "replace")
    if os.waitpid(child, 0)[1] != 0:
        raise OSError(last.strip() or "%s failed" % words[0])
    return text


def haproxy():
    """Returns the rows of `show stat`, by header name."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(LIMIT)
        line.connect(ASKED["haproxy_socket"])
        line.sendall(b"show stat\n")
        text = b"".join(iter(lambda: line.recv(65536), b"")).decode("utf-8", "replace")
    rows = [row.split(",") for row in text.lstrip("# ").splitlines() if row]
    wanted = ("pxname", "svname", "status", "check_status", "check_code", "addr")
    # No field before or among these is a quoted text.
    return [{key: row.get(key) or "" for key in wanted} for row in (dict(zip(rows[0], row)) for row in rows[1:])]


def vip():
    """Returns whether this host holds the VIP: the kernel lists its own addresses as local hosts of its routes."""
    with open("/proc/net/fib_trie", encoding="ascii") as file:
        rows = file.read().split("\n")
    own = "|-- " + ASKED["vip"]
    return any(row.strip() == own and "host LOCAL" in rows[at + 1] for at, row in enumerate(rows[:-1]))


def units():
    """Returns the state of each unit asked for."""
    shown = run("systemctl", "show", "-p", "Id,ActiveState,UnitFileState,NRestarts", *ASKED["units"])
    states = {}
    for block in shown.split("\n\n"):
        values = dict(row.split("=", 1) for row in block.splitlines() if "=" in row)
        if values.get("Id"):
            states[values["Id"]] = {
                "active": values.get("ActiveState", ""),
                "enabled": values.get("UnitFileState", ""),
                "restarts": int(values.get("NRestarts") or 0),
            }
    return states


def psql(port, *lines):
    """Runs lines as the probe role through the VIP; returns what they print. The password lies in a file of root's own
    for as long as that takes: an argument or a variable could be read by others."""
    asked = ASKED["sql"]
    words = [sys.argv[1] + "/psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", "host=%s port=%s dbname=%s user=%s connect_timeout=%d application_name='quorate verify'" % (
        ASKED["vip"], port, asked["database"], asked["user"], max(2, int(LIMIT)))]
    return run(*words, text="\n".join(lines) + "\n", environment={"PGPASSFILE": PASSFILE}).splitlines()


def passfile():
    """Writes the password where only we can read it."""
    path = "/run/quorate-pass-%d-%d" % (os.getpid(), time.monotonic_ns())
    file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    escaped = ASKED["sql"]["password"].replace("\\", "\\\\").replace(":", "\\:")
    os.write(file, ("*:*:*:*:%s\n" % escaped).encode())
    os.close(file)
    return path


WHO = "SELECT pg_is_in_recovery(), host(inet_server_addr()), current_setting('server_version')"


def server(row):
    """Returns what a server says of itself."""
    recovery, address, version = row.split("|")
    return {"in_recovery": recovery == "t", "address": address, "version": version}


def sql():
    """Writes a row through the primary port and reads it back through the replica port."""
    result = {}
    began = time.monotonic()
    # A write that waits for a synchronous standby that is not there would wait for ever. The token is ours: hexadecimal digits.
    rows = psql(
        ASKED["sql"]["primary_port"], WHO + ";", "SELECT pg_is_in_recovery() AS replica \\gset", "\\if :replica", "\\q", "\\endif",
        "SET statement_timeout = %d;" % (LIMIT * 1000),
        "INSERT INTO quorate.probe (id, token, at) VALUES (1, '%s', now())"
        " ON CONFLICT (id) DO UPDATE SET token = excluded.token, at = excluded.at RETURNING at;" % ASKED["sql"]["token"],
    )
    result["primary"] = server(rows[0])
    if result["primary"]["in_recovery"]:
        return result
    result["write_ms"] = int((time.monotonic() - began) * 1000)
    written = rows[1]
    began = time.monotonic()
    while True:
        rows = psql(ASKED["sql"]["replica_port"], WHO + ";", "SELECT at >= '%s' FROM quorate.probe WHERE id = 1;" % written)
        result["replica"] = server(rows[0])
        # Another look may have written after us: whoever shows its row has had ours.
        result["seen"] = rows[1:] == ["t"]
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
PASSFILE = ""
if ASKED.get("sql"):
    QUESTIONS["sql"] = sql
    PASSFILE = passfile()
threads = [threading.Thread(target=ask, args=item, daemon=True) for item in QUESTIONS.items()]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(3 * LIMIT)
for name in QUESTIONS:
    ANSWERS.setdefault(name, {"error": "no answer in %s s" % (3 * LIMIT)})
if PASSFILE:
    os.unlink(PASSFILE)
json.dump(ANSWERS, sys.stdout)
sys.stdout.flush()
# Threads that still wait for an answer are not waited for.
os._exit(0)
