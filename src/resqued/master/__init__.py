"""The master: the process that outlives every deploy, and alone decides how many workers live."""
