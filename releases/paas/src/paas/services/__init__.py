"""Services: gateways that speak the Open Service Broker API, and nodes that keep the instances."""
