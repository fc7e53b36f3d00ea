"""What master and listener say to each other over their socket pair (docs/ipc.md)."""
