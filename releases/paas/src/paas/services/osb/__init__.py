"""The broker's side of the Open Service Broker API 2.17: its routes, its rules, its errors."""
