"""One function per operator intent."""
