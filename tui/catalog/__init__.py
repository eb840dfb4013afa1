"""Models that can be had."""
