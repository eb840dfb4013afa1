"""Widgets that each draw one thing."""
