"""Flows from the database: `flows deploy` writes them, services/tools runs them.

deployment_tables.py  the tables, and the one transaction that deploys
compiling.py          source text → compiled flow, or why not
deployed_flows.py     what a worker runs now, and older versions for the runs that began on them
"""
