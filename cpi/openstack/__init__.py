"""The OpenStack CPI."""
