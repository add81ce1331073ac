"""monit's own configuration, written by the agent because it holds a password made on this VM."""

from __future__ import annotations

import secrets

from agent import durable
from agent.errors import AgentError
from agent.layout import Layout

PORT = 2822
MAIL_PORT = 2825


def credentials(layout: Layout) -> tuple[str, str]:
    """User and password of monit's HTTP server; AgentError before ``write`` was called."""
    try:
        user, _, password = layout.monit_user.read_text().strip().partition(":")
    except FileNotFoundError:
        raise AgentError(f"{layout.monit_user} is absent; 'boot' writes it") from None
    return user, password


def write(layout: Layout, port: int = PORT, mail_port: int = MAIL_PORT) -> None:
    """Make the password (once) and the configuration. Repeatable."""
    if not layout.monit_user.exists():
        durable.write_text(layout.monit_user, f"vcap:{secrets.token_hex(16)}\n", mode=0o600)
    user, password = credentials(layout)
    layout.monit_jobs.mkdir(parents=True, exist_ok=True)
    text = f"""set daemon 1
set pidfile {layout.monit}/monit.pid
set logfile {layout.monit}/monit.log
set idfile {layout.monit}/monit.id
set statefile {layout.monit}/monit.state
set httpd port {port} and use address 127.0.0.1
  allow {user}:"{password}"
set eventqueue basedir {layout.monit}/events slots 200
set mailserver 127.0.0.1 port {mail_port} with timeout 5 seconds
set mail-format {{
  from: monit@localhost
  subject: Monit alert
  message: Service: $SERVICE
Event: $EVENT
Action: $ACTION
Date: $DATE
Description: $DESCRIPTION
}}
set alert agent@localhost
include {layout.monit_jobs}/*.monitrc
"""
    if not durable.same_content(layout.monit_rc, text.encode()):
        durable.write_text(layout.monit_rc, text, mode=0o600)
