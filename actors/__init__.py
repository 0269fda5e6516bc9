"""The actors: thin shells that carry messages to decisions and decisions to the world."""
