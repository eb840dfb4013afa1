"""What makes no sense in a session, table by table; each rule yields the problem and what would mend it."""
