"""The commands of `python run.py`, a file each, and what stands beside the bot on a terminal."""
