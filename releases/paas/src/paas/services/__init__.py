"""Services for apps: gateways (Open Service Broker API north, the bus south), nodes that hold instances, and a broker of external services."""
