"""The `flows` command.

    commands/         one file a command, or one folder of its name; the list follows from them (command.py)
    generate/         what is made from code: schemas, .env.example, tables in docs
    stack/            the whole product on one machine, for `flows dev` and `flows demo`
    terminal.py       how commands speak: tables, JSON, errors
    excerpt.py        the line of a mistake, with a caret
    times.py          `--since`, and moments as a person reads them
    installation.py   which servers are meant
    database.py       asking PostgreSQL
    topic_records.py  reading a topic; history.py and dead_letters.py what stands in two of them
    waits.py          runs that wait
    deployments.py    the set of flows that will run, checked as a whole
    destinations.py   calling destinations with the settings and secrets of services/actions

What it knows of a folder of flows it has from services/project.
"""
