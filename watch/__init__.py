"""What tells the owner, and the machines that watch for him: alarms, the dead-man's sign, metrics.

Everything here reads what has been committed, on threads of its own; no order waits for any of it.
"""
