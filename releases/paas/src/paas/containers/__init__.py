"""Containers of this machine: what is asked of the warden, and the client that asks. Shared by the DEA and the stager."""
