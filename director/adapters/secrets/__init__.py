"""Variables in the director's own store: generated here, encrypted at rest, pinned by id."""

from director.adapters.secrets.store_secrets import StoreSecrets

__all__ = ["StoreSecrets"]
