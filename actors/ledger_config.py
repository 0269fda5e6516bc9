"""The ledger's work on the owner's settings: all of a change or nothing, by the next plan already."""

from actors.ledger_work import Work
from domain.config_risk import loosened
from domain.messages import ChangeConfig, ConfigChanged, ConfigLoosens, ConfigRefused
from domain.settings_text import changed, differences


def change(work: Work, mail: ChangeConfig) -> ConfigChanged | ConfigRefused | ConfigLoosens:
    """Set what is asked for; what is set so already is no change, and is not journaled."""
    old = work.unit.config()
    new = changed(old, mail.changes)
    if isinstance(new, tuple):
        return ConfigRefused(faults=new)
    looser = () if mail.may_loosen else loosened(old, new)
    if looser:
        return ConfigLoosens(keys=looser)
    if work.unit.save_config(new, at=work.now, by=mail.by):
        work.config = new
        work.follow(work.unit.open_trades())  # whether their stops are as they should be depends on it
    return ConfigChanged(config=new, changed=differences(old, new))
