"""What holds for all tests."""

from hypothesis import HealthCheck, settings

# how long an example takes says something of the machine, not of the code
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")
