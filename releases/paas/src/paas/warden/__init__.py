"""The warden: containers with limits, by runc and conmon, over a unix socket."""
