"""The account's keys, checked before any library sees them."""

from pydantic import SecretStr


def revealed(secret: SecretStr | str) -> str:
    """The secret's text."""
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret


def printable(name: str, value: str) -> str:
    """A key as a header can carry it. Else the libraries below would quote it in their complaint."""
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError(f"the {name} is empty or has characters that no key has, perhaps a line end")
    return value
