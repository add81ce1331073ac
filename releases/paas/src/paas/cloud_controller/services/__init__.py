"""Services: brokers, what they offer, instances of it, and what apps are given of them."""
