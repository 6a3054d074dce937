"""Speaks to this host's HAProxy by its admin socket, so that a planned change costs clients as little as it can.

Argument: what to do. Standard input: one JSON object, for `follow`.
  keep     writes the state of all servers to a file that the next process reads at a reload: without it a new process takes every
           server for up until its first check, and sends writes to replicas for half a second.
  new      waits until a new process answers, and takes that file away: it would be stale at anybody else's reload.
  hold     while a leader's Patroni restarts, and PostgreSQL runs on, says again and again that it is up: its checks would
           take it out after three seconds. Ends by itself; nothing of it lasts.
  follow   waits until `url` answers with 200 (a new leader), then says so at once, instead of letting the checks find out: gap
           of tenths of a second instead of some seconds. The checks go on and have the last word.
"""
import json
import os
import socket
import sys
import time
import urllib.error
import urllib.request

SOCKET = "/run/haproxy/admin.sock"
STATE = "/run/haproxy/servers.state"
WORKER = "/run/haproxy/worker"


def ask(text):
    """Returns what HAProxy answers to a command."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(3)
        line.connect(SOCKET)
        line.sendall(text.encode() + b"\n")
        return b"".join(iter(lambda: line.recv(65536), b"")).decode("utf-8", "replace")


def worker():
    """Returns the process id of the one that answers."""
    for row in ask("show info").splitlines():
        if row.startswith("Pid: "):
            return row[5:]
    return ""


def keep():
    """Writes the servers' states and the present process's id."""
    with open(STATE + ".new", "w", encoding="utf-8") as file:
        file.write(ask("show servers state"))
    os.rename(STATE + ".new", STATE)
    with open(WORKER, "w", encoding="utf-8") as file:
        file.write(worker())


def new():
    """Waits for a process other than the one noted."""
    with open(WORKER, encoding="utf-8") as file:
        old = file.read()
    until = time.monotonic() + 10
    while True:
        try:
            if worker() not in ("", old):
                break
        except OSError:
            pass  # Between two processes.
        if time.monotonic() > until:
            sys.exit("HAProxy still runs with its former configuration: the new process did not come up")
        time.sleep(0.02)
    os.unlink(STATE)


def answers(url):
    """Returns whether a URL answers with 200."""
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=1) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False


def follow():
    """Tells HAProxy who leads, as soon as it does."""
    asked = json.load(sys.stdin)
    until = time.monotonic() + asked["seconds"]
    while not answers(asked["url"]):
        if time.monotonic() > until:
            sys.exit("%s did not answer with 200 within %s s" % (asked["url"], asked["seconds"]))
        time.sleep(0.03)
    for name in asked["others"]:
        ask("set server primary/%s health down" % name)
    ask("set server primary/%s health up" % asked["leader"])


def hold():
    """Keeps the leader up through a restart of its Patroni."""
    asked = json.load(sys.stdin)
    began, gone = time.monotonic(), False
    while time.monotonic() - began < asked["seconds"]:
        there = answers(asked["url"])
        if there and (gone or time.monotonic() - began > asked["patience"]):
            break
        gone = gone or not there
        ask("set server primary/%s health up" % asked["leader"])
        time.sleep(0.2)


{"keep": keep, "new": new, "follow": follow, "hold": hold}[sys.argv[1]]()
