"""Waits that last: set once a step, fired by any replica, ended early by an event or a person, resumed once."""
