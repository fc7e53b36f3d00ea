"""The listener: a fresh interpreter for each generation, and the parent of its workers."""
