"""Fakes of what services/actions is given: tables, Kafka, a destination. No network, no clock of their own.

They pass the same suite as the real ones (tests/integration/test_actions_world.py), so what is found with them is true.
`Faults` stands at each of their awaits: a simulation puts delays, errors and crashes there.
"""
