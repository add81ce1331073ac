"""What runs inside the staging container, by the stack's Python and its standard library alone: unpack, detect, supply, finalize, release, pack.

Nothing here may import anything but its own room. What it writes is written by an application's own user, and is read by the agent as such.
"""
