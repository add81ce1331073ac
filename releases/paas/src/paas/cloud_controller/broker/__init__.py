"""Service brokers as the Open Service Broker API 2.17 has them: a client, their catalogs, what apps are given of them."""
