"""The real queue, attempt, journal and limits of services/actions in a deterministic simulation.

A seed makes a *scenario*: what is called, by how many workers, under which bounds, and which troubles come, several at
once. It is played on made time over the fakes of tests/support/world, and then *judged* at the destination and by the
records of ends: nothing lost, nothing done twice that must not be, order in each lane, and what can go on does go on.

`python -m tests.simulate --seed 7 --trace` plays one, `make simulate` ten thousand, `python -m tests.simulate.planted`
puts old faults back, each of which must be found. What is simulated, and what is not: docs/isolation.md.
"""
