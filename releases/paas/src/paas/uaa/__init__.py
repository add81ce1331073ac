"""User accounts and authentication: who may speak to the platform, and the tokens that say so."""
