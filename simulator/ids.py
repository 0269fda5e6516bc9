"""Ids that a seed and a count determine, so that a run can be repeated and compared."""

from uuid import NAMESPACE_DNS, uuid5


class Ids:
    """Used on the loop's thread. The book keeps `count`, so that no id comes twice after a restart."""

    def __init__(self, seed: int) -> None:
        self._space = uuid5(NAMESPACE_DNS, f"simulator-{seed}")
        self.count = 0

    def next(self) -> str:
        self.count += 1
        return str(uuid5(self._space, str(self.count)))

    def of(self, name: str) -> str:
        """The id of what a name alone determines: an asset, the account, a request."""
        return str(uuid5(self._space, name))
