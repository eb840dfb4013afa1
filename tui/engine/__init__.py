"""The process in which Unsloth is loaded, one for each run folder."""
