"""The places of the window, one screen each."""
