"""
The application of a sick instance: its health check passes, and its users get errors.

argv: address port paths
"""

import http.server
import json
import sys

address, port, healthy_paths = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])


class Sick(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = 200 if self.path in healthy_paths else 500
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's own name)
        pass


http.server.ThreadingHTTPServer((address, port), Sick).serve_forever()
