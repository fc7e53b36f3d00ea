"""resqued: a prefork daemon that supervises pools of background-job workers."""

#: Also in the title of every process, so the master of one version and the listener of another
#: can be told apart in ``ps``.
__version__ = "0.1.0"
