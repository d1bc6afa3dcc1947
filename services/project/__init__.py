"""What commands share about a folder of flows: which files belong together, what they may name, whether they are right.

    root.py               where a project is, and what stands in it without being named
    local.py              `.flows/`: what the `flows dev` that runs here says of itself
    sources_files.py      which sources files belong to flows, and the triggers that they declare
    connections_file.py   which connections file is meant, and what stands in it
    catalogue.py          triggers, tools and actions, composed from those who declare them
    checking.py           flows and sources files, checked together
    testing/              the cases beside flows, played
    errors.py             what a person can mend

It alone may import the catalogues and declarations of ingest, tools and actions (pyproject.toml holds it to that).
"""
