"""What waits on a pool's server, for those who look at the pool from outside; never the master."""
