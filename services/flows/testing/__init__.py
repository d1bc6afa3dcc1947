"""`flows test`, without files and terminals: a case of a test file is played over the same `advance` as production.

    suite.py       what a test file says
    load.py        YAML → suite, with a fault for each mistake
    events.py      what a case is given → events
    simulation.py  plays a case in virtual time → stories
    story.py       what happened to a run
    patterns.py    when a value is like another
    compare.py     stories against expectations → differences for people
    record.py      stories → expectations
    coverage.py    which steps and ways the cases took
    names_used.py  which names the expressions of a flow use

services/project/testing/ brings files and actions.
"""
