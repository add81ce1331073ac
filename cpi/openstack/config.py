"""The plugin's properties, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from cpi.contract import CloudError, Json
from cpi.fields import Fields

WHERE = "OpenStack properties"
ACCOUNT = (
    "auth_url", "username", "api_key", "application_credential_id", "application_credential_secret", "tenant",
    "project", "project_id", "domain", "user_domain_name", "project_domain_name", "region", "endpoint_type",
)  # fmt: skip
BEHAVIOUR = (
    "state_timeout", "wait_resource_poll_interval", "boot_from_volume", "stemcell_public_visibility",
    "ignore_server_availability_zone", "human_readable_vm_names", "use_nova_networking", "connection_options",
    "default_key_name", "default_security_groups", "default_volume_type", "config_drive", "use_dhcp",
    "enable_auto_anti_affinity",
)  # fmt: skip
BESIDE = ("registry", "ntp", "agent", "nats", "mbus", "blobstore", "env")
CONNECTION = (
    "ca_cert", "ssl_ca_file", "ssl_verify_peer", "read_timeout", "write_timeout", "connect_timeout",
)  # fmt: skip
INTERFACES = {"publicURL": "public", "internalURL": "internal", "adminURL": "admin"}
PROXIES = ("http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True, slots=True)
class Account:
    """Where and as whom to sign in; two calls with equal accounts share one session. Times are seconds."""

    auth_url: str
    username: str = ""
    password: str = ""
    credential_id: str = ""
    credential_secret: str = ""
    project: str = ""
    project_id: str = ""
    user_domain: str = ""
    project_domain: str = ""
    region: str = ""
    interface: str = "public"
    ca_cert: str = ""
    ca_file: str = ""
    verify: bool = True
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    proxies: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """Properties of one call. Times are seconds."""

    account: Account
    state_timeout: float = 300.0
    poll_interval: float = 5.0
    boot_from_volume: bool = False
    public_stemcells: bool = False
    ignore_server_zone: bool = False
    readable_names: bool = False
    key_name: str = ""
    security_groups: tuple[str, ...] = ()
    volume_type: str = ""
    config_drive: str = ""
    use_dhcp: bool = True
    mbus: str = ""
    ntp: tuple[str, ...] = ()
    blobstore: Json | None = None

    @classmethod
    def parse(cls, properties: Json) -> Config:
        """Read the merged properties; CloudError names the one that is wrong."""
        fields = Fields(WHERE, properties, (*ACCOUNT, *BEHAVIOUR, *BESIDE))
        if fields.flag("use_nova_networking"):
            raise fields.refused("use_nova_networking", "cannot be true: nova-network is gone; neutron is used")
        if fields.has("enable_auto_anti_affinity"):
            raise fields.refused(
                "enable_auto_anti_affinity", "was removed: name a server group in a VM type's scheduler_hints.group"
            )
        if any(value for value in fields.section("registry").values()):
            raise fields.refused("registry", "is not served: agents get their settings as user data; remove it")
        agent = Fields(f"{WHERE}.agent", fields.section("agent"), ("mbus", "ntp", "blobstore"))
        return cls(
            account=_account(fields),
            state_timeout=fields.number("state_timeout", 300.0),
            poll_interval=fields.number("wait_resource_poll_interval", 5.0),
            boot_from_volume=fields.flag("boot_from_volume"),
            public_stemcells=fields.flag("stemcell_public_visibility"),
            ignore_server_zone=fields.flag("ignore_server_availability_zone"),
            readable_names=fields.flag("human_readable_vm_names"),
            key_name=fields.text("default_key_name"),
            security_groups=fields.texts("default_security_groups"),
            volume_type=fields.text("default_volume_type"),
            config_drive=fields.choice("config_drive", "", ("", "cdrom", "disk")),
            use_dhcp=fields.flag("use_dhcp", True),
            mbus=agent.text("mbus") or fields.text("mbus") or _mbus(fields),
            ntp=agent.texts("ntp") or fields.texts("ntp"),
            blobstore=agent.section("blobstore") or fields.section("blobstore"),
        )


def _account(fields: Fields) -> Account:
    options = Fields(f"{WHERE}.connection_options", fields.section("connection_options"), CONNECTION)
    url = fields.text("auth_url").rstrip("/").removesuffix("/tokens").removesuffix("/auth")
    if not url.startswith(("http://", "https://")):
        raise CloudError(
            f"{WHERE}: property 'auth_url' must be the http(s) address of keystone, e.g. https://host:5000/v3"
        )
    if url.endswith("/v2.0") or fields.has("tenant"):
        key = "tenant" if fields.has("tenant") else "auth_url"
        raise fields.refused(key, "is of keystone v2.0, which is gone: use a v3 auth_url with project and domain")
    by_credential = fields.has("application_credential_id") or fields.has("application_credential_secret")
    needed = (
        ("application_credential_id", "application_credential_secret") if by_credential else ("username", "api_key")
    )
    for key in needed:
        if not fields.text(key):
            raise CloudError(f"{WHERE}: property '{key}' is missing; give username and api_key, or "
                             "application_credential_id and application_credential_secret")  # fmt: skip
    if by_credential:
        for key in ("username", "api_key", "project", "project_id", "domain"):
            if fields.has(key):
                raise fields.refused(key, "cannot stand beside application_credential_id, which holds user and project")
    domain = fields.text("domain")
    if not by_credential:
        if not fields.text("project") and not fields.text("project_id"):
            raise CloudError(f"{WHERE}: property 'project' (or 'project_id') is missing")
        if not domain and not fields.text("user_domain_name"):
            raise CloudError(f"{WHERE}: property 'domain' (or user_domain_name and project_domain_name) is missing")
        if not fields.has("project_id") and not domain and not fields.text("project_domain_name"):
            raise CloudError(f"{WHERE}: property 'project_domain_name' is missing (or 'domain', for both)")
    env = Fields(f"{WHERE}.env", fields.section("env"), PROXIES)
    interface = fields.choice("endpoint_type", "publicURL", tuple(INTERFACES))
    return Account(
        auth_url=url if url.endswith("/v3") else f"{url}/v3",
        username=fields.text("username"),
        password=fields.text("api_key"),
        credential_id=fields.text("application_credential_id"),
        credential_secret=fields.text("application_credential_secret"),
        project=fields.text("project"),
        project_id=fields.text("project_id"),
        user_domain=fields.text("user_domain_name") or domain,
        project_domain=fields.text("project_domain_name") or domain,
        region=fields.text("region"),
        interface=INTERFACES[interface],
        ca_cert=options.text("ca_cert"),
        ca_file=options.text("ssl_ca_file"),
        verify=options.flag("ssl_verify_peer", True),
        connect_timeout=options.number("connect_timeout", 10.0),
        read_timeout=max(options.number("read_timeout", 60.0), options.number("write_timeout", 0.001)),
        proxies=tuple((key, env.text(key)) for key in PROXIES if env.text(key)),
    )


def _mbus(fields: Fields) -> str:
    """A URL out of the parts, where no whole one is given."""
    nats: Mapping[str, object] = fields.section("nats")
    parts = Fields(f"{WHERE}.nats", nats, ("user", "password", "address", "port"))
    if not parts.text("address"):
        return ""
    who = (
        f"{quote(parts.text('user'), safe='')}:{quote(parts.text('password'), safe='')}@" if parts.text("user") else ""
    )
    return f"nats://{who}{parts.text('address')}:{parts.text('port', '4222')}"
