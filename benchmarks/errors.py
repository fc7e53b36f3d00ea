"""What goes wrong with a measurement."""


class MeasureError(Exception):
    """A contender could not be measured; the others can."""
