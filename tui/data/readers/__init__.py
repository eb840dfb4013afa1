"""Readers: one module for each kind of file, from a stream of bytes to the rows in it."""
