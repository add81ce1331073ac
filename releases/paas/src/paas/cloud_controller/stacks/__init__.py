"""Stacks: the root file systems that apps run on."""
