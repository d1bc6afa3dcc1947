"""Mistakes made in the flows of examples/: does `flows check` say so, before a run dies of it?

mistakes.py   the eight kinds of mistakes, as changes of a flow that is right
documents.py  a flow as plain data, and what is known of its steps
judge.py      caught by the checker, dead or provably wrong at run time, or legal
legal.toml    the mistakes that are legal flows, each with the reason
"""
