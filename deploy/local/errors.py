"""The one error that starting a part raises."""


class PartError(Exception):
    """A part could not be started, stopped or fetched.

    The text says what happened and what to do, in words for the person at the terminal; it is shown without a stack
    trace.
    """
