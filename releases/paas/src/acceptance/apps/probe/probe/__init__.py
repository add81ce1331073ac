"""An app that shows what the platform gives it, and tries what the platform must not give it."""
