"""Asynchronous work: journaled on disk, done one at a time, resumed after a restart of the agent."""
