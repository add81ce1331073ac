"""The conformance kit: every *must* of the CPI contract as a case that any CPI can be held against.

Plugins, warm workers and one-shot BOSH executables alike: `meristem cpi check NAME`, or `-p cpi.conformance.plugin` under pytest.
"""
