"""nginx's configuration: static files in the forms that pip and npm ask for.

``/simple/NAME/``                       pip: ``--index-url URL/simple``
``/npm/NAME``, ``/npm/NAME/-/FILE``     npm: ``--registry URL/npm/``
``/gems/``                              whatever the operator put there, with a listing
"""

from __future__ import annotations

from pathlib import Path

from paas.package_cache.config import Config
from paas.package_cache.npm import BASE
from paas.serve.nginx import frame, listening, temporary_paths, word


def site(config: Config) -> str:
    """The whole configuration."""
    run, log, root = (word(value, key) for key, value in (("run", config.run), ("log", config.log), ("root", config.root)))  # fmt: skip
    return f"""{frame(Path(run), Path(log))}
http {{
  log_format short '$time_iso8601 $remote_addr $request_method $uri $status $bytes_sent';
  access_log {log}/access.log short;
  log_not_found off;
  types {{ text/html html; application/json json; application/octet-stream whl tgz gz gem; }}
  default_type application/octet-stream;
  sendfile on;
  tcp_nopush on;
  server_tokens off;
  absolute_redirect off;
  client_body_temp_path {run}/body;
{temporary_paths(Path(run))}
  server {{
{listening(config.listen)}
    root {root};
    location = /healthz {{ access_log off; default_type text/plain; return 200 "ok\\n"; }}
    location /simple/ {{ index index.html; autoindex on; }}
    location /gems/ {{ autoindex on; }}

    # A scoped name comes as @scope%2fname, which is a path once decoded.
    location /npm/ {{
      try_files $uri $uri/index.json =404;
      # What an index says of its tarballs' addresses holds for the address that it was asked at.
      sub_filter {BASE} $scheme://$http_host/npm/;
      sub_filter_once off;
      sub_filter_types application/json;
    }}
    # npm keeps the path of the public registry's tarballs when it puts another registry's host into a lock file's addresses.
    location ~ ^/(?:@[^/]+/)?[^/]+/-/[^/]+\\.tgz$ {{ root {root}/npm; }}

    location / {{ return 404; }}
  }}
}}
"""
