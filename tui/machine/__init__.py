"""What this box can do."""
