"""What is raised when a configuration cannot be used."""

from resqued.errors import ResquedError


class ConfigError(ResquedError):
    """Raised by the loader with everything that is wrong, one line for each problem.

    Each line names file, line and value, and is fit to be shown to the user as it is.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)

    @property
    def problems(self) -> tuple[str, ...]:
        """The problems, in the order in which the files run."""
        return self.args

    def __str__(self) -> str:
        return "\n".join(self.problems)
