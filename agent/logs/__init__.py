"""Logs of jobs, agent and system."""
