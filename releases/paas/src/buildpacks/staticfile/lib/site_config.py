"""What a Staticfile says, and nginx's configuration for it."""

from dataclasses import dataclass
from pathlib import Path

FLAGS = {"pushstate", "ssi", "force_https", "host_dot_files"}
YES, NO = {"true", "enabled", "visible", "yes", "on"}, {"false", "disabled", "no", "off", ""}


class SiteError(Exception):
    """The app cannot be served as it is; says what to change."""


@dataclass
class Site:
    """`hsts`: the header's value, empty for none."""

    root: str = ""
    directory: bool = False
    pushstate: bool = False
    ssi: bool = False
    force_https: bool = False
    host_dot_files: bool = False
    hsts: str = ""


def read(build: Path) -> Site:
    """Lines ``key: value``; SiteError names a line that is none, a warning a key that is not known here."""
    site = Site()
    file = build / "Staticfile"
    for number, raw in enumerate(file.read_text(errors="replace").splitlines() if file.is_file() else [], 1):
        line = raw.partition("#")[0].strip()
        if not line or line == "---":
            continue
        key, colon, value = (word.strip() for word in line.partition(":"))
        value = value.strip("'\"")
        if not colon:
            raise SiteError(f"Staticfile, line {number}: {line[:60]!r} is not of the form `key: value`")
        if key == "root":
            if value.startswith("/") or ".." in value.split("/"):
                raise SiteError(f"Staticfile, line {number}: root {value!r} leads out of the app")
            site.root = value.strip("/") if value not in (".", "./") else ""
        elif key == "directory":
            site.directory = _flag(value, number, key)
        elif key == "http_strict_transport_security":
            site.hsts = (
                "max-age=31536000" if value.lower() in YES else "" if value.lower() in NO else _header(value, number)
            )
        elif key in FLAGS:
            setattr(site, key, _flag(value, number, key))
        else:
            print(f"       Staticfile, line {number}: {key!r} is not known here and has no effect")
    return site


def _flag(value: str, number: int, key: str) -> bool:
    if value.lower() not in YES | NO:
        raise SiteError(f"Staticfile, line {number}: {key} is {value!r}; write enabled or disabled")
    return value.lower() in YES


def _header(value: str, number: int) -> str:
    if any(sign in value for sign in '"\\$;{}\n'):
        raise SiteError(f"Staticfile, line {number}: {value!r} cannot stand in a header")
    return value


def render(site: Site, users: bool) -> str:
    """nginx's configuration; ``@PORT@`` is filled in at the start."""
    options = []
    if site.directory:
        options.append("autoindex on;")
    if site.ssi:
        options.append("ssi on;")
    if users:
        options.append("auth_basic Restricted; auth_basic_user_file /home/vcap/app/nginx/users;")
    if site.hsts:
        options.append(f'add_header Strict-Transport-Security "{site.hsts}";')
    if site.force_https:
        options.append("if ($http_x_forwarded_proto = http) { return 301 https://$host$request_uri; }")
    if site.pushstate:
        options.append("try_files $uri $uri/ /index.html;")
    inner = "\n      ".join(options)
    hidden = "" if site.host_dot_files else "    location ~ /\\. { deny all; return 404; }\n"
    return f"""worker_processes 1;
daemon off;
error_log stderr error;
pid /home/vcap/tmp/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  charset utf-8;
  log_format short '$http_x_forwarded_for - [$time_local] "$request" $status $body_bytes_sent';
  access_log /home/vcap/tmp/requests short;
  sendfile on;
  tcp_nopush on;
  gzip on;
  gzip_static on;
  gzip_types text/css text/plain text/xml application/javascript application/json application/xml image/svg+xml;
  server_tokens off;
  absolute_redirect off;
  keepalive_timeout 75s;
  client_body_temp_path /home/vcap/tmp/body;
  proxy_temp_path /home/vcap/tmp/proxy;
  fastcgi_temp_path /home/vcap/tmp/fastcgi;
  uwsgi_temp_path /home/vcap/tmp/uwsgi;
  scgi_temp_path /home/vcap/tmp/scgi;
  server {{
    listen @PORT@;
    root /home/vcap/app/public;
    index index.html index.htm Default.htm;
{hidden}    location / {{
      {inner}
    }}
  }}
}}
"""
