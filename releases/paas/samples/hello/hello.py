"""A first app: says which of its instances answers."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ME = json.loads(os.environ.get("VCAP_APPLICATION", "{}"))


class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        text = (
            f"Hello from instance {ME.get('instance_index', '?')} of {ME.get('application_name', 'hello')}\n".encode()
        )
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


ThreadingHTTPServer(("", int(os.environ["PORT"])), Hello).serve_forever()
