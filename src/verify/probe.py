"""Asks one host of a cluster what is true on it: etcd, Patroni, HAProxy, the VIP and, on one host, SQL through the VIP.

Argument: the folder of PostgreSQL's programs. Reads names and values on standard input, each ended by a NUL; writes one JSON object on standard
output. Runs under Patroni's own interpreter, writes nothing but one probe row, and gives up on each question after a few seconds: a question
without an answer is reported as an error text, never as an absence. It is run for every look at a cluster, so it imports only what is built
into the interpreter: json, socket, threading and what they load took more time than all answers take to come. Bodies of HTTP answers are
therefore handed on as texts, for the caller to decode.
"""
import _socket
import _thread
import posix
import sys
import time

WORDS = sys.stdin.buffer.read().decode().split("\0")
ASKED = dict(zip(WORDS[::2], WORDS[1::2]))
LIMIT = float(ASKED["limit_seconds"])
ANSWERS = {}
# What must not stand as it is in a text of JSON.
ESCAPES = {code: "\\u%04x" % code for code in range(32)}
ESCAPES.update({34: '\\"', 92: "\\\\"})


def encode(value):
    """Returns a value as JSON."""
    if isinstance(value, dict):
        return "{%s}" % ",".join("%s:%s" % (encode(key), encode(one)) for key, one in value.items())
    if isinstance(value, list):
        return "[%s]" % ",".join(map(encode, value))
    if isinstance(value, str):
        return '"%s"' % value.translate(ESCAPES)
    return str(value).lower() if isinstance(value, bool) else str(value)


def talk(line, place, text):
    """Sends a text and returns all that comes back until the other side has said everything."""
    try:
        line.settimeout(LIMIT)
        line.connect(place)
        line.sendall(text.encode())
        return b"".join(iter(lambda: line.recv(65536), b""))
    finally:
        line.close()


def http(url, body=None):
    """Returns status and body; an HTTP error status is an answer too."""
    place, _, path = url.split("://", 1)[1].partition("/")
    host, _, port = place.rpartition(":")
    head = "%s /%s HTTP/1.0\r\nHost: %s\r\n" % ("GET" if body is None else "POST", path, place)
    if body is not None:
        head += "Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
    answer = talk(_socket.socket(_socket.AF_INET, _socket.SOCK_STREAM), (host, int(port)), head + "\r\n" + (body or ""))
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split(" ")[1])
    if any(line.lower().replace(" ", "") == "transfer-encoding:chunked" for line in lines):
        body = chunks(body)
    return {"status": status, "text": body.decode("utf-8", "replace")}


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
    given, give = posix.pipe()
    out, into = posix.pipe()
    told, err = posix.pipe()
    actions = [(posix.POSIX_SPAWN_DUP2, end, number) for number, end in enumerate((given, into, err))]
    child = posix.posix_spawnp(words[0], words, dict(posix.environ, **(environment or {})), file_actions=actions)
    posix.write(give, text.encode())
    for end in (given, give, into, err):
        posix.close(end)
    with open(out, "rb") as stream, open(told, "rb") as errors:
        text, last = stream.read().decode("utf-8", "replace"), errors.read().decode("utf-8", "replace")
    if posix.waitpid(child, 0)[1] != 0:
        raise OSError(last.strip() or "%s failed" % words[0])
    return text


def haproxy():
    """Returns the rows of `show stat`, by header name."""
    line = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    text = talk(line, ASKED["haproxy_socket"], "show stat\n").decode("utf-8", "replace")
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
    shown = run("systemctl", "show", "-p", "Id,ActiveState,UnitFileState,NRestarts", *ASKED["units"].split())
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
    words = [sys.argv[1] + "/psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", "host=%s port=%s dbname=%s user=%s connect_timeout=%d application_name='quorate verify'" % (
        ASKED["vip"], port, ASKED["database"], ASKED["user"], max(2, int(LIMIT)))]
    return run(*words, text="\n".join(lines) + "\n", environment={"PGPASSFILE": PASSFILE}).splitlines()


def passfile():
    """Writes the password where only we can read it."""
    path = "/run/quorate-pass-%d-%d" % (posix.getpid(), time.monotonic_ns())
    file = posix.open(path, posix.O_CREAT | posix.O_EXCL | posix.O_WRONLY, 0o600)
    escaped = ASKED["password"].replace("\\", "\\\\").replace(":", "\\:")
    posix.write(file, ("*:*:*:*:%s\n" % escaped).encode())
    posix.close(file)
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
        ASKED["primary_port"], WHO + ";", "SELECT pg_is_in_recovery() AS replica \\gset", "\\if :replica", "\\q", "\\endif",
        "SET statement_timeout = %d;" % (LIMIT * 1000),
        "INSERT INTO quorate.probe (id, token, at) VALUES (1, '%s', now())"
        " ON CONFLICT (id) DO UPDATE SET token = excluded.token, at = excluded.at RETURNING at;" % ASKED["token"],
    )
    result["primary"] = server(rows[0])
    if result["primary"]["in_recovery"]:
        return result
    result["write_ms"] = int((time.monotonic() - began) * 1000)
    written = rows[1]
    began = time.monotonic()
    while True:
        rows = psql(ASKED["replica_port"], WHO + ";", "SELECT at >= '%s' FROM quorate.probe WHERE id = 1;" % written)
        result["replica"] = server(rows[0])
        # Another look may have written after us: whoever shows its row has had ours.
        result["seen"] = rows[1:] == ["t"]
        if result["seen"] or time.monotonic() - began > LIMIT:
            break
        time.sleep(0.05)
    result["read_ms"] = int((time.monotonic() - began) * 1000)
    return result


def ask(name, question, done):
    """Puts a question's answer, or why there is none, under its name."""
    try:
        ANSWERS[name] = {"ok": question()}
    except Exception as error:  # Whatever it is, the caller wants to read it.
        ANSWERS[name] = {"error": "%s: %s" % (type(error).__name__, str(error).strip())}
    done.release()


ETCD, REST = ASKED["etcd"], ASKED["patroni"]
QUESTIONS = {
    "etcd_health": lambda: http(ETCD + "/health"),
    "etcd_status": lambda: http(ETCD + "/v3/maintenance/status", "{}"),
    "etcd_members": lambda: http(ETCD + "/v3/cluster/member/list", "{}"),
    "etcd_alarms": lambda: http(ETCD + "/v3/maintenance/alarm", '{"action": "GET"}'),
    "patroni": lambda: http(REST + "/patroni"),
    "patroni_cluster": lambda: http(REST + "/cluster"),
    "patroni_config": lambda: http(REST + "/config"),
    "haproxy": haproxy,
    "vip": vip,
}
PASSFILE = ""
if "units" in ASKED:
    QUESTIONS["units"] = units
if "token" in ASKED:
    QUESTIONS["sql"] = sql
    PASSFILE = passfile()
WAITING = []
for name, question in QUESTIONS.items():
    done = _thread.allocate_lock()
    done.acquire()
    _thread.start_new_thread(ask, (name, question, done))
    WAITING.append(done)
UNTIL = time.monotonic() + 3 * LIMIT
for done in WAITING:
    done.acquire(timeout=max(0, UNTIL - time.monotonic()))
for name in QUESTIONS:
    ANSWERS.setdefault(name, {"error": "no answer in %d s" % (3 * LIMIT)})
if PASSFILE:
    posix.unlink(PASSFILE)
sys.stdout.buffer.write(encode(ANSWERS).encode())
sys.stdout.flush()
# Threads that still wait for an answer are not waited for.
posix._exit(0)
