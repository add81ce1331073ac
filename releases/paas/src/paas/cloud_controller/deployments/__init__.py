"""Deployments: new instances take the place of old ones step by step, while the app serves."""
