"""The crash test: kill the bot at each of its crash points, restart it, and compare both books."""
