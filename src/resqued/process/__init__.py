"""Processes as the kernel has them: forks, signals, waiting, titles.

The ground under both packages: it knows neither daemon nor jobs, and imports only the standard
library and setproctitle.
"""
