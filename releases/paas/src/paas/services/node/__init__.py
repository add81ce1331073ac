"""The framework of a service's node: an author writes how one instance is made, bound and removed; all else is here."""
