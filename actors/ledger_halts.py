"""The ledger's work on halts: raised by a rule or a person, cleared by a person only.

They stand in the database and in a file beside it. Either one halts, so neither a restart nor an older
copy of the database lifts one.
"""

from actors import ledger_shares
from actors.ledger_work import HaltsOnFile, Work
from domain.holdings import ALL
from domain.messages import ClearHalts, HaltsChanged, HaltsCleared, HaltTrading
from domain.signals import decimal_text
from domain.values import ZERO


def halt(work: Work, mail: HaltTrading) -> HaltsChanged:
    """Stop what adds risk; open entry orders stay as they are."""
    new = work.halt(mail.scope, mail.reason, by=mail.by)
    return HaltsChanged(changed=int(new), standing=work.unit.standing_halts())


def clear(work: Work, mail: ClearHalts) -> HaltsChanged:
    """Lift the halts on exactly this scope, and take the account's word where the books differed."""
    merge(work, work.halts)  # also what a person wrote into the file a moment ago
    cleared = work.unit.clear_halts(scope=mail.scope, by=mail.by, reason=mail.reason, at=work.now)
    work.halted = work.halted or bool(cleared)
    work.cleared.append(HaltsCleared(scope=mail.scope))
    if mail.scope == ALL:
        work.gate = work.gate.having({"keys_refused": None})
    if cleared:
        _accept_differences(work, mail)
    return HaltsChanged(changed=cleared, standing=work.unit.standing_halts())


def _accept_differences(work: Work, mail: ClearHalts) -> None:
    """Only what was confirmed by quiet reads: a passing difference is not for anybody to accept.

    Nor is one whose symbol has moved since it was read: it is read again, and halts again if it stands.
    """
    for symbol, suspicion in tuple(work.suspicions.items()):
        difference = suspicion.heard - suspicion.believed
        moved = work.believed(symbol) != suspicion.believed
        if mail.scope != symbol or not suspicion.confirmed or moved:
            continue
        if work.unit.add_adjustment(
            symbol=symbol,
            qty=difference,
            reason=f"accepted by {mail.by}: {mail.reason}",
            evidence=f"accepted:{work.now.isoformat()}:{symbol}",
            at=work.now,
        ):
            work.move(symbol, difference)
            ledger_shares.settle(work, symbol, (), rest=True)
            work.suspicions = {each: why for each, why in work.suspicions.items() if each != symbol}
            work.journal(
                "difference_accepted", symbol, qty=decimal_text(abs(difference)), sold=difference < ZERO
            )


def merge(work: Work, file: HaltsOnFile) -> None:
    """Take over what stands on file only: the database is an older copy, or a person wrote the file.

    What was cleared and is on file still is there because the file could not be written then.
    """
    standing = {(halt.scope, halt.reason) for halt in work.unit.standing_halts()}
    for on_file in file.read():
        if (on_file.scope, on_file.reason) not in standing and not work.unit.was_cleared(on_file):
            work.halt(on_file.scope, on_file.reason, by=on_file.by, at=on_file.at)


def standing(work: Work, symbol: str) -> tuple[str, ...]:
    """Why this symbol, or everything, is halted, by the database or the file."""
    return tuple(dict.fromkeys((*work.unit.active_halts(symbol), *work.halts.reasons(symbol))))
