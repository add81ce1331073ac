"""Supervision of the processes of jobs."""
