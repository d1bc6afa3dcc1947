"""The kinds of steps, a file each: what stands under `steps:` and inside other steps.

    kind.py       what a kind says of itself, and what it is given to say it with
    node.py       what a compiled step is, and what a run does with it
    registry.py   all kinds
    fallible.py   what steps have in common that can fail: `id`, `with`, `on_error`
    parts/        maps of keys that stand in steps: retry, writes, working hours

Every other file is a kind, and is found by itself: CONTRIBUTING.md, "Add a step kind".
"""

import sys

from services.flows.steps.registry import collect

collect(sys.modules[__name__])
