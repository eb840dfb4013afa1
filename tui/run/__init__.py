"""What a run is, seen from outside: its folder, what happened in it, and the process behind it."""
