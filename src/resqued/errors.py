"""Every error that resqued raises for a caller to act on."""


class ResquedError(Exception):
    """The root of all errors of this package."""
