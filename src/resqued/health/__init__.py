"""The pool's health and figures over HTTP, from a process of its own (docs/health.md)."""
