"""resque: a job library that speaks Resque's wire protocol."""

__version__ = "0.1.0"
