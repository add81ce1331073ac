"""The broker of external services: what runs elsewhere, recorded by the operator with its credentials, offered as a catalog."""
