"""Starting programs: short commands, and scripts that outlive a restart of the agent."""
