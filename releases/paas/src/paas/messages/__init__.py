"""What the components say to one another on the bus, one file per speaker; all payloads are JSON objects."""
