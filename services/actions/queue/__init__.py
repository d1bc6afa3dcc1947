"""Who goes next and what waits where: lanes, fair turns, memory's bounds, parking, assignments and their offsets."""
