"""The message bus: requests, replies, heartbeats, alerts."""
