"""Plugins that do not keep the contract."""

from __future__ import annotations

from cpi.contract import implements


@implements
def delete_vm(vm_cid):
    """The only call there is."""


class Misspelt:
    """Takes an argument that the contract does not have."""

    @staticmethod
    @implements
    def delete_vm(vm_kid):
        """Nothing."""
