"""`flows test` is production: random flows with random events, played in process and by the real parts, come out alike.

script.py     what the destination answers to the n-th request of a flow
events.py     a flow's trigger and the events that come
author.py     a flow of random steps that the checker takes
scenario.py   all flows of a seed, with their events
told.py       what happened: requests and ends, and where two tellings differ
engine.py     played by `flows test`
stack.py      played by ingest, tools and actions over Kafka and PostgreSQL
"""
