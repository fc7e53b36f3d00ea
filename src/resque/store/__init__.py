"""The only folder that talks to Redis."""
