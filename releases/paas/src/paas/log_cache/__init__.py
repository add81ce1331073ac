"""The log cache: the last lines of each app's log."""
