"""The bus: agents over NATS with mutual TLS, their identities and users, and a server of our own."""
