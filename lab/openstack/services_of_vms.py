"""Settings of nova and cinder."""

from __future__ import annotations

from lab.openstack.sections import Sections, account, broker, database, guard, shared
from lab.openstack.stack import PASSWORD, REGION, Stack

DRIVER = "meristem_nova.Driver"
STOP_WITHIN = {"graceful_shutdown_timeout": 3, "report_interval": 10, "service_down_time": 90}


def nova(stack: Stack, host: str = "ctl") -> Sections:
    """Of the API, conductor and scheduler. Without fuzzy delays and with quick discovery, hosts are ready in seconds."""
    return {
        "DEFAULT": {
            "transport_url": broker(stack),
            "my_ip": "127.0.0.1",
            "state_path": stack.path("nova") if host == "ctl" else stack.path("nova", host),
            "host": host,
            "compute_driver": DRIVER,
            "allow_resize_to_same_host": "true",
            "resize_confirm_window": 0,
            "block_device_allocate_retries_interval": 1,
            "reserved_host_memory_mb": 0,
            "heal_instance_info_cache_interval": -1,
            "manager_shutdown_timeout": 2,
            "periodic_fuzzy_delay": 0,
            "rpc_response_timeout": 60,
            "default_thread_pool_size": 10,
            "executor_thread_pool_size": 16,
            **STOP_WITHIN,
        },
        "api": {"auth_strategy": "keystone"},
        "api_database": database(stack, "nova_api"),
        "database": database(stack, "nova"),
        "keystone_authtoken": guard(stack, "nova"),
        "service_user": {**account(stack, "nova"), "send_service_user_token": "true"},
        "glance": {"api_servers": stack.url("glance"), "region_name": REGION},
        "neutron": {
            **account(stack, "neutron"),
            "service_metadata_proxy": "true",
            "metadata_proxy_shared_secret": PASSWORD,
        },
        "placement": account(stack, "placement"),
        "cinder": {
            **account(stack, "cinder"),
            "os_region_name": REGION,
            "catalog_info": "block-storage:cinder:publicURL",
        },
        "scheduler": {"workers": 1, "discover_hosts_in_cells_interval": 3},
        "conductor": {"workers": 1},
        "vnc": {"enabled": "false"},
        **shared(stack),
    }


def compute(stack: Stack, host: str) -> Sections:
    """Of one simulated hypervisor, which knows no database."""
    return {name: keys for name, keys in nova(stack, host).items() if name not in ("api_database", "database")}


def cinder(stack: Stack) -> Sections:
    """Volumes are sparse files. It runs even qemu-img through privsep, whose default is sudo."""
    helper = f"{stack.program('privsep-helper')} --config-file {stack.path('etc/cinder/cinder.conf')}"
    return {
        "DEFAULT": {
            "transport_url": broker(stack),
            "state_path": stack.path("cinder"),
            "host": "ctl",
            "my_ip": "127.0.0.1",
            "api_paste_config": stack.path("etc/cinder/api-paste.ini"),
            "auth_strategy": "keystone",
            "enabled_backends": "loop",
            "default_volume_type": "loop",
            "glance_api_servers": stack.url("glance"),
            "image_conversion_dir": stack.path("cinder/conversion"),
            "volume_clear": "none",
            "resource_query_filters_file": stack.path("etc/cinder/resource_filters.json"),
            **STOP_WITHIN,
        },
        "loop": {
            "volume_driver": "meristem_cinder.FileDriver",
            "volume_backend_name": "loop",
            "loop_volume_dir": stack.path("volumes"),
        },
        "database": database(stack, "cinder"),
        "keystone_authtoken": guard(stack, "cinder"),
        "service_user": {**account(stack, "cinder"), "send_service_user_token": "true"},
        "nova": {**account(stack, "nova"), "interface": "public"},
        "coordination": {"backend_url": f"file://{stack.path('cinder/coord')}"},
        "cinder_sys_admin": {"helper_command": helper},
        **shared(stack),
    }
