"""The journal of effects: what became of each call, so that none is made twice that must not be."""
