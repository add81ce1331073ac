"""The components' bus: NATS with typed messages."""
