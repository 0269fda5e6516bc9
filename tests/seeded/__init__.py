"""The whole system on one thread: the real actors and the real ledger, a seed for the scheduler.

`python -m tests.seeded --seeds 1000` looks for seeds that break a promise; `--seed 12345` repeats one.
"""
