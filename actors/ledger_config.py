"""The ledger's work on the owner's settings: all of a change or nothing, by the next plan already."""

from actors.ledger_work import Work
from domain.messages import ChangeConfig, ConfigChanged, ConfigRefused
from domain.settings_text import changed, differences


def change(work: Work, mail: ChangeConfig) -> ConfigChanged | ConfigRefused:
    """Set what is asked for; what is set so already is no change, and is not journaled."""
    old = work.unit.config()
    new = changed(old, mail.changes)
    if isinstance(new, tuple):
        return ConfigRefused(faults=new)
    if work.unit.save_config(new, at=work.now, by=mail.by):
        work.config = new
        work.follow(work.unit.open_trades())  # whether their stops are as they should be depends on it
    return ConfigChanged(config=new, changed=differences(old, new))
