"""Alpaca as a client: what may be asked of it, and what its answers prove."""
