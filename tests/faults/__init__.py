"""Each row of the fault table in docs/reliability.md, injected over the real socket, file or process.

What must hold is asked of the ledger and of the simulator's own account of it, never of logs.
"""
