"""nginx's configuration of a node: two ways to the same files.

``/rw/KEY``      GET, HEAD, PUT, DELETE with user and password
``/signed/KEY``  one method on one blob until a time, by a signature (`paas.blobs.signature`)
``/list/``       names and sizes as JSON, with user and password
``/healthz``     200

A file appears when all of it is there: nginx takes the body beside `root` and renames it. What this node does not have it
asks its peers for, once, so that a node that was away or is new misses nothing.
"""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path
from urllib.parse import urlsplit

from paas.blobs.signature import EXPRESSION, checked_secret
from paas.blobstore.config import Config
from paas.serve.config import ConfigError
from paas.serve.nginx import frame, listening, temporary_paths, word

HOP = "X-Blobstore-Hop"
"""Header of a question from one node to another, which is not passed on."""


def site(config: Config) -> str:
    """The whole configuration; ConfigError names a key that cannot be."""
    try:
        secret = checked_secret(config.secret)
    except ValueError as error:
        raise ConfigError(f"secret: {error}") from None
    run, log, root = (word(value, key) for key, value in (("run", config.run), ("log", config.log), ("root", config.root)))  # fmt: skip
    peers = _peers(config)
    fall_back = "      error_page 404 = @peer;\n" if peers else ""
    return f"""{frame(Path(run), Path(log))}
http {{
  log_format blobs '$time_iso8601 $remote_addr $request_method $uri $status $bytes_sent $request_length $request_time';
  access_log {log}/access.log blobs;
  log_not_found off;
  default_type application/octet-stream;
  sendfile on;
  tcp_nopush on;
  server_tokens off;
  keepalive_timeout 75s;
  client_max_body_size {config.most_bytes};
  client_body_temp_path {root}/incoming;
{temporary_paths(Path(run))}
  map $request_method $link_method {{ default $request_method; HEAD GET; }}
  map $request_method:$http_{HOP.lower().replace("-", "_")} $ask_peers {{ default ""; "GET:" yes; "HEAD:" yes; }}
{peers}
  server {{
{listening(config.listen)}
    location = /healthz {{ access_log off; default_type text/plain; return 200 "ok\\n"; }}

    location /rw/ {{
      auth_basic blobstore;
      auth_basic_user_file {run}/users;
      # WebDAV takes a folder with all that is in it when the address ends with a slash
      location ~ /$ {{ return 403; }}
      alias {root}/blobs/;
      dav_methods PUT DELETE;
      create_full_put_path on;
      dav_access user:rw group:r;
      min_delete_depth 2;
{fall_back}    }}

    location /signed/ {{
      secure_link $arg_md5,$arg_expires;
      secure_link_md5 "{EXPRESSION} {secret}";
      if ($secure_link = "") {{ return 403; }}
      if ($secure_link = "0") {{ return 410; }}
      location ~ /$ {{ return 403; }}
      alias {root}/blobs/;
      dav_methods PUT;
      create_full_put_path on;
      dav_access user:rw group:r;
{fall_back}    }}

    location /list/ {{
      auth_basic blobstore;
      auth_basic_user_file {run}/users;
      limit_except GET {{ deny all; }}
      alias {root}/blobs/;
      autoindex on;
      autoindex_format json;
    }}

    location / {{ return 404; }}
{_peer_location(config) if peers else ""}  }}
}}
"""


def users(config: Config) -> str:
    """The file of users: name and salted SHA-1, a form that nginx checks at once."""
    if not config.user or ":" in config.user or not config.password:
        raise ConfigError("user, password: both are needed, and a user's name has no colon")
    salt = os.urandom(8)
    digest = hashlib.sha1(config.password.encode() + salt, usedforsecurity=False).digest()
    return f"{config.user}:{{SSHA}}{base64.b64encode(digest + salt).decode()}\n"


def _peers(config: Config) -> str:
    if not config.peers:
        return ""
    servers = "".join(f"    server {word(urlsplit(peer).netloc, 'peers')} max_fails=1 fail_timeout=5s;\n" for peer in config.peers)  # fmt: skip
    return f"  upstream peers {{\n{servers}  }}\n"


def _peer_location(config: Config) -> str:
    scheme = urlsplit(config.peers[0]).scheme
    tls = ""
    if scheme == "https" and config.ca:
        name = word(config.peer_name or str(urlsplit(config.peers[0]).hostname), "peer_name")
        tls = (
            f"      proxy_ssl_trusted_certificate {word(config.ca, 'ca')};\n      proxy_ssl_verify on;\n"
            f"      proxy_ssl_name {name};\n      proxy_ssl_server_name on;\n"
        )
    return f"""
    location @peer {{
      if ($ask_peers = "") {{ return 404; }}
      proxy_pass {scheme}://peers;
      proxy_set_header {HOP} 1;
      proxy_connect_timeout 2s;
      proxy_read_timeout 60s;
      proxy_max_temp_file_size 0;
      proxy_next_upstream error timeout http_404;
{tls}    }}
"""
