"""A droplet for tests: a small server that shows its environment and does what it is told."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

CODE = """\
import http.server, json, os, signal, sys, time

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        word = self.path.strip('/')
        if word == 'crash':
            os._exit(7)
        if word == 'hog':
            hog = bytearray(1 << 30)
        if word == 'health' and os.path.exists('/home/vcap/ill'):
            return self.answer(503, 'ill')
        if word == 'ill':
            open('/home/vcap/ill', 'w').close()
        if word.startswith('say-'):
            print(word[4:], flush=True)
        self.answer(200, json.dumps(dict(os.environ)) if word == 'env' else os.environ.get('ANSWER', 'hello'))

    def answer(self, status, text):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *words):
        pass

def end(*_):
    print('ending', flush=True)
    os._exit(0)

signal.signal(signal.SIGTERM, end)
print('begins', flush=True)
time.sleep(float(os.environ.get('DELAY', '0')))
http.server.ThreadingHTTPServer(('', int(os.environ['PORT'])), Handler).serve_forever()
"""


INFO = "start_command: python3 main.py\nprocess_types: {worker: sleep 1000}\n"


def make_droplet(directory: Path, info: str = INFO) -> str:
    """Write the droplet to ``directory/DIGEST``; its digest."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        _add(archive, "./app/main.py", CODE)
        _add(archive, "./.profile.d/one.sh", "export FROM_PROFILE=yes")
        _add(archive, "./staging_info.yml", info)
    data = raw.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    (directory / digest).write_bytes(data)
    return digest


def _add(archive: tarfile.TarFile, name: str, text: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(text), 0o644
    archive.addfile(entry, io.BytesIO(text.encode()))
