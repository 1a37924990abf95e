"""The pure core: what the events of a message say about it, and when time says something."""
