"""Clients of a cluster that is being changed.

    clients.py write      inserts a number every 20 ms through the VIP:  MS N acked|failed|unknown SERVER|REASON
    clients.py probe      asks every PostgreSQL itself each 100 ms who takes writes:  MS WRITABLE,… UNANSWERED,…
    clients.py login      logs in through the VIP again and again and asks who answers:  MS ok|replica|failed SERVER|REASON
    clients.py connect    only connects, and waits for the first byte of PostgreSQL's answer:  MS ok|failed REASON

The first line of standard input is a JSON object (ASKED); the end of standard input ends the program. Each try is one line
of standard output, told at once; MS is the machine's monotonic clock. Runs under the interpreter of Patroni's environment.
libpq is asked without blocking, so that each try has a time limit of its own, whatever the server or the way to it does.
"""
import json
import os
import select
import socket
import sys
import threading
import time

from psycopg import OperationalError, pq

MODE = sys.argv[1]
# host, port, database, user, password; nodes: {name: address} for `probe`; threads for `login` and `connect`.
ASKED = json.loads(sys.stdin.buffer.raw.readline())
# Seconds a try may take.
LIMIT = 1.0
ENDED = threading.Event()
TELLING = threading.Lock()


class Failed(Exception):
    """The try had no effect."""


class Unknown(Exception):
    """The statement was sent; whether it had an effect, nobody said."""


def tell(*words):
    """Prints one line, at once and whole, with the time before it."""
    line = "%d %s\n" % (time.monotonic_ns() // 1_000_000, " ".join(str(word).replace(" ", "_") or "-" for word in words))
    with TELLING:
        os.write(1, line.encode())


def every(seconds):
    """Yields at a steady beat until the end; a late round is not made up for."""
    due = time.monotonic()
    while not ENDED.wait(max(0.0, due - time.monotonic())):
        yield
        due = max(due + seconds, time.monotonic())


class Session:
    """One connection; every step ends at a deadline (seconds of the monotonic clock)."""

    def __init__(self, host, port, deadline):
        words = {
            "host": host, "port": port, "dbname": ASKED["database"], "user": ASKED["user"], "password": ASKED["password"],
            "sslmode": "disable", "gssencmode": "disable", "application_name": "lab-" + MODE,
        }
        quoted = ("%s='%s'" % (key, str(word).replace("\\", r"\\").replace("'", r"\'")) for key, word in words.items())
        self.line = pq.PGconn.connect_start(" ".join(quoted).encode())
        state = pq.PollingStatus.WRITING
        while state != pq.PollingStatus.OK:
            if state == pq.PollingStatus.FAILED:
                raise self.ended(Failed, self.line.get_error_message())
            self.ready(state == pq.PollingStatus.WRITING, deadline, Failed)
            state = self.line.connect_poll()
        self.line.nonblocking = 1

    def ended(self, kind, why):
        """Closes the connection; returns what to raise."""
        self.line.finish()
        return kind(" ".join(why.split())[:120] or "lost")

    def ready(self, writing, deadline, kind):
        """Waits until the socket can be written, or read."""
        left = deadline - time.monotonic()
        if self.line.socket < 0:
            raise self.ended(kind, "lost")
        sockets = [self.line.socket]
        if left <= 0 or not any(select.select([] if writing else sockets, sockets if writing else [], [], left)):
            raise self.ended(kind, "timeout")

    def ask(self, statement, deadline):
        """Runs one statement and returns its first value."""
        value, refused = "", None
        try:
            self.line.send_query(statement.encode())
            while self.line.flush():
                self.ready(True, deadline, Unknown)
            while True:
                while self.line.is_busy():
                    self.ready(False, deadline, Unknown)
                    self.line.consume_input()
                result = self.line.get_result()
                if result is None:
                    break
                if result.status == pq.ExecStatus.TUPLES_OK and result.ntuples:
                    value = (result.get_value(0, 0) or b"").decode()
                elif result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
                    refused = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
        except OperationalError as error:
            raise self.ended(Unknown, str(error)) from None
        # The server's own word is a refusal, unless it is that the session ends (57P..): a commit may have happened by then.
        if refused is not None:
            raise self.ended(Failed if refused and not refused.startswith("57P") else Unknown, refused or "lost")
        return value


def once(session, host, port, statement):
    """Runs a statement in a session that is there, or in a new one; returns the session and the value."""
    deadline = time.monotonic() + LIMIT
    session = session or Session(host, port, deadline)
    return session, session.ask(statement, deadline)


def write():
    """Inserts one number after the other, each once."""
    session, number, host, port = None, 0, ASKED["host"], ASKED["port"]
    for _ in every(0.1):
        try:
            session, _ = once(session, host, port, "CREATE TABLE IF NOT EXISTS written (n bigint PRIMARY KEY)")
            _, last = once(session, host, port, "SELECT coalesce(max(n), 0) FROM written")
            number = int(last)
            break
        except (Failed, Unknown):
            session = None
    for _ in every(0.02):
        number += 1
        try:
            session, server = once(
                session, host, port, "INSERT INTO written VALUES (%d) RETURNING host(inet_server_addr())" % number
            )
            tell(number, "acked", server)
        except Failed as why:
            session = None
            tell(number, "failed", why)
        except Unknown as why:
            session = None
            tell(number, "unknown", why)


def probe():
    """Asks all PostgreSQLs at the same moment, round after round."""
    nodes = sorted(ASKED["nodes"].items())
    sessions, said = {}, {}
    start, done = threading.Barrier(len(nodes) + 1), threading.Barrier(len(nodes) + 1)

    def node(name, address):
        while True:
            start.wait()
            if ENDED.is_set():
                return
            statement = "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool"
            try:
                sessions[name], said[name] = once(sessions.get(name), address, ASKED["direct_port"], statement)
            except (Failed, Unknown):
                sessions[name], said[name] = None, "?"
            done.wait()

    for name, address in nodes:
        threading.Thread(target=node, args=(name, address), daemon=True).start()
    for _ in every(0.1):
        start.wait()
        done.wait()
        tell(*(",".join(name for name, answer in sorted(said.items()) if answer == wanted) for wanted in "f?"))


def login():
    """A whole session each time: what a client without a pool sees."""
    while not ENDED.is_set():
        session = None
        try:
            question = "SELECT CASE WHEN pg_is_in_recovery() THEN 'replica' ELSE 'ok' END || ' ' || host(inet_server_addr())"
            session, answer = once(None, ASKED["host"], ASKED["port"], question)
            tell(*answer.split())
        except (Failed, Unknown) as why:
            tell("failed", why)
            # A refusal comes at once; the others must be heard too.
            ENDED.wait(0.01)
        finally:
            if session:
                session.line.finish()


def connect():
    """A connection and PostgreSQL's one-byte answer to "do you speak TLS?"."""
    while not ENDED.is_set():
        try:
            with socket.create_connection((ASKED["host"], ASKED["port"]), timeout=LIMIT) as line:
                line.sendall(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")
                answer = line.recv(1)
            if answer in (b"N", b"S"):
                tell("ok")
            else:
                tell("failed", "closed" if not answer else answer)
        except OSError as why:
            tell("failed", why)
            ENDED.wait(0.01)


def main():
    """Runs until standard input ends."""
    work = {"write": write, "probe": probe, "login": login, "connect": connect}[MODE]
    threads = [threading.Thread(target=work, daemon=True) for _ in range(ASKED.get("threads", 1))]
    for thread in threads:
        thread.start()
    while os.read(0, 4096):
        pass
    ENDED.set()
    for thread in threads:
        thread.join(3 * LIMIT)
    tell("end")


main()
