"""The stream processor: [events] and [runs] → advance → [actions]."""
