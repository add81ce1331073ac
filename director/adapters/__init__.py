"""The outside world as it is: store, bus, blobs, secrets, templates, clouds."""
