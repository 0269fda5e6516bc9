"""Which keys open the account. Used on the loop's thread."""

from simulator.settings import Switchboard


class Keys:
    def __init__(self, switches: Switchboard) -> None:
        self._switches = switches
        self._revoked = False

    def fit(self, key_id: object, secret_key: object) -> bool:
        settings = self._switches.now
        return not self._revoked and (key_id, secret_key) == (settings.key_id, settings.secret_key)

    def revoke(self) -> None:
        self._revoked = True

    def restore(self) -> None:
        self._revoked = False
