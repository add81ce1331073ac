"""Sets nginx up as the edge: its configuration, and the Lua that runs in it."""
