"""Users of a VM: vcap for jobs, bosh_* for operators."""

from __future__ import annotations

import grp
import os
import pwd
import re
import shutil
from pathlib import Path

from agent.errors import AgentError
from agent.process.command import command
from agent.settings.model import Settings
from agent.shapes import string_or_empty

_SSH_GROUPS = ("vcap", "admin", "bosh_sudoers", "bosh_sshers")
_SSH_NAME = re.compile(r"^bosh_[A-Za-z0-9_-]{1,27}$")


def ensure_vcap(settings: Settings) -> None:
    """The vcap user with its groups, authorized keys and password. Repeatable."""
    for group in _SSH_GROUPS:
        if not _group_exists(group):
            command(["groupadd", "--system", group])
    if not _user_exists("vcap"):
        command(["useradd", "--gid", "vcap", "--create-home", "--shell", "/bin/bash", "vcap"])
        command(["usermod", "-a", "-G", "admin,bosh_sudoers,bosh_sshers", "vcap"])
    if settings.authorized_keys:
        _write_keys("vcap", settings.authorized_keys)
    password = string_or_empty(settings.bosh.get("password"))
    if password:
        users = ["vcap"] if settings.bosh.get("keep_root_password") else ["vcap", "root"]
        command(["chpasswd", "-e"], stdin="".join(f"{user}:{password}\n" for user in users))


def add_ssh_user(name: str, public_key: str, homes: Path) -> None:
    """A user for ``bosh ssh``; AgentError if the name is not of the form bosh_*. Repeatable."""
    if not _SSH_NAME.match(name):
        raise AgentError(f"ssh user {name!r:.60}: expected bosh_ followed by letters and digits")
    homes.mkdir(parents=True, exist_ok=True)
    if not _user_exists(name):
        groups = ",".join(group for group in _SSH_GROUPS if _group_exists(group))
        command(["useradd", "-m", "-b", homes, "-s", "/bin/bash", *(["-G", groups] if groups else []), name])
    _write_keys(name, [public_key.strip()])


def remove_ssh_users(pattern: str, homes: Path) -> None:
    """Remove users that match and begin with bosh_."""
    try:
        wanted = re.compile(pattern)
    except re.error as error:
        raise AgentError(f"ssh cleanup: user_regex {pattern!r:.60} is not a regular expression ({error})") from None
    for user in pwd.getpwall():
        if user.pw_name.startswith("bosh_") and wanted.search(user.pw_name):
            command(["userdel", "-r", "-f", user.pw_name], check=False)
            shutil.rmtree(homes / user.pw_name, ignore_errors=True)


def _write_keys(user: str, keys: list[str]) -> None:
    entry = pwd.getpwnam(user)
    folder = Path(entry.pw_dir) / ".ssh"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "authorized_keys"
    path.write_text("".join(f"{key}\n" for key in keys))
    os.chmod(folder, 0o700)
    os.chmod(path, 0o600)
    for owned in (folder, path):
        os.chown(owned, entry.pw_uid, entry.pw_gid)


def _user_exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _group_exists(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True
