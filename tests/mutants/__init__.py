"""Removes one safeguard at a time and wants the tests to go red: `make mutants`."""
