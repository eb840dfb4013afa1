"""Questions that are asked on top of a place."""
