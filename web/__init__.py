"""Signals in over HTTP, and the ledger to read. Every call but `/livez` carries the token."""
