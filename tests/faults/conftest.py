"""The flows' simulator and bot serve here too."""

from tests.flows.conftest import bot, simulator

__all__ = ["bot", "simulator"]
