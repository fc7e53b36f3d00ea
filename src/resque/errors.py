"""Every error that resque raises for a caller to act on."""


class ResqueError(Exception):
    """The root of all errors of this package."""
