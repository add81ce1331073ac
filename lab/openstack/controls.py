"""Settings of keystone, glance, placement and neutron."""

from __future__ import annotations

from lab.openstack.sections import Sections, account, broker, database, guard, shared
from lab.openstack.stack import Stack


def keystone(stack: Stack) -> Sections:
    """Tokens of a day; cheap password hashes, which protect nothing here."""
    fernet = {"key_repository": stack.path("etc/keystone/fernet")}
    return {
        "DEFAULT": {"log_file": stack.path("log/keystone.log")},
        "database": database(stack, "keystone"),
        "token": {"provider": "fernet", "expiration": 86400},
        "fernet_tokens": dict(fernet),
        "fernet_receipts": dict(fernet),
        "credential": {"key_repository": stack.path("etc/keystone/credential")},
        "cache": {"enabled": "true", "backend": "dogpile.cache.memory"},
        "identity": {"password_hash_rounds": 4},
        "oslo_messaging_notifications": {"driver": "noop"},
    }


def glance(stack: Stack) -> Sections:
    """Images are files."""
    return {
        "DEFAULT": {
            "log_file": stack.path("log/glance.log"),
            "enabled_backends": "file:file",
            "enabled_import_methods": "[glance-direct,web-download]",
            "worker_self_reference_url": stack.url("glance"),
            "transport_url": broker(stack),
        },
        "database": database(stack, "glance"),
        "glance_store": {"default_backend": "file"},
        "file": {"filesystem_store_datadir": stack.path("images")},
        "os_glance_staging_store": {"filesystem_store_datadir": stack.path("staging")},
        "os_glance_tasks_store": {"filesystem_store_datadir": stack.path("tasks")},
        "paste_deploy": {"flavor": "keystone", "config_file": stack.path("etc/glance/glance-api-paste.ini")},
        "keystone_authtoken": guard(stack, "glance"),
        **shared(stack),
    }


def placement(stack: Stack) -> Sections:
    """What fits where."""
    return {
        "DEFAULT": {"log_file": stack.path("log/placement.log")},
        "api": {"auth_strategy": "keystone"},
        "placement_database": database(stack, "placement"),
        "keystone_authtoken": guard(stack, "placement"),
    }


def neutron(stack: Stack) -> Sections:
    """No agents: our mechanism driver binds each port at once. send_events_interval below 1 sends none."""
    unlimited = ("port", "network", "subnet", "security_group", "security_group_rule", "floatingip", "router")
    return {
        "DEFAULT": {
            "log_file": stack.path("log/neutron.log"),
            "transport_url": broker(stack),
            "core_plugin": "ml2",
            "state_path": stack.path("neutron"),
            "service_plugins": "router,port_forwarding,network_ip_availability",
            "api_paste_config": stack.path("etc/neutron/api-paste.ini"),
            "auth_strategy": "keystone",
            "dns_domain": "lab.",
            "dhcp_agent_notification": "false",
            "notify_nova_on_port_status_changes": "true",
            "notify_nova_on_port_data_changes": "true",
            "send_events_interval": 1,
        },
        "database": database(stack, "neutron"),
        "keystone_authtoken": guard(stack, "neutron"),
        "nova": account(stack, "nova"),
        "placement": account(stack, "placement"),
        "ml2": {
            "mechanism_drivers": "meristem",
            "type_drivers": "flat,vlan,vxlan,local",
            "tenant_network_types": "vxlan",
            "extension_drivers": "port_security,dns",
        },
        "ml2_type_flat": {"flat_networks": "*"},
        "ml2_type_vlan": {"network_vlan_ranges": "physnet1:100:199"},
        "ml2_type_vxlan": {"vni_ranges": "1:1000"},
        "securitygroup": {"enable_security_group": "true"},
        "quotas": {f"quota_{what}": -1 for what in unlimited},
        **shared(stack),
    }
