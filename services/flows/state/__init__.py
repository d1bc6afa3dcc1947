"""State that must be exact: what tools with state need, and what each need does to the cells that hold it.

Pure: a need is a function from (cells, who asks, the time) to (cells, an answer). services/tools answers from
PostgreSQL, `flows test` from memory, both through `ledger.settle`, so that they cannot differ.
"""
