"""The package archives of a lab: serve.py ADDRESS REPOSITORY READY

Serves the repository's `www` over HTTP and HTTPS under the names of the real archives. Runs inside the lab's network namespace;
writes the file READY when both ports listen."""

import functools
import http.server
import os
import ssl
import sys
import threading

ADDRESS, REPOSITORY, READY = sys.argv[1:]


class Handler(http.server.SimpleHTTPRequestHandler):
    """Connections stay open for the next file: dnf asks for many."""

    protocol_version = "HTTP/1.1"


def server(port):
    """A server that listens on this port, a thread for each connection."""
    return http.server.ThreadingHTTPServer((ADDRESS, port), functools.partial(Handler, directory=f"{REPOSITORY}/www"))


plain, encrypted = server(80), server(443)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{REPOSITORY}/tls/server.crt", f"{REPOSITORY}/tls/server.key")
# The handshake is the connection's own thread's work, so that one slow host does not hold up the others.
encrypted.socket = context.wrap_socket(encrypted.socket, server_side=True, do_handshake_on_connect=False)
threading.Thread(target=plain.serve_forever, daemon=True).start()
with open(READY, "w") as file:
    file.write(f"{os.getpid()}\n")
encrypted.serve_forever()
