"""The live view of a running pool, full-screen in a terminal; needs the extra ``top``."""
