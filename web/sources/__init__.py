"""Signal sources besides the owner: each has keys of its own, and may send signals and nothing else."""
