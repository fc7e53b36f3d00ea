"""How a running pool is seen and steered from outside, by a Unix socket (docs/control.md)."""
