"""The gateway of a service: the Open Service Broker API north, the service's nodes south, its state in PostgreSQL."""
