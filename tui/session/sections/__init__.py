"""The tables of a session file, one module each: every value a person can choose, with the names the libraries give it."""
