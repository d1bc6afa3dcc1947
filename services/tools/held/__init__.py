"""New runs of a flow that is held wait here, and nobody else does.

held_table.py    the rows, in the order in which their events came
flow_door.py     which new runs of a batch may begin, and what their ends say of their flow
held_release.py  puts what waited back on `events`: all when the flow is well, a few to try it
"""
