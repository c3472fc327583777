"""Who a secret belongs to, whichever kind it is."""

from __future__ import annotations

from tiro.features.accounts.service import AccountService
from tiro.features.keys.service import MARK, Caller, KeyService


class Callers:
    """API keys begin with a mark of their own; all else must be the access token of a login."""

    def __init__(self, keys: KeyService, accounts: AccountService) -> None:
        self._keys = keys
        self._accounts = accounts

    def authenticate(self, secret: str) -> Caller:
        """Raises Unauthorized."""
        if secret.startswith(MARK):
            return self._keys.authenticate(secret)
        return self._accounts.authenticate(secret)

    def recheck(self, secret: str) -> Caller:
        """As ``authenticate``, but an access token may have ended meanwhile, where its login has not.
        Raises Unauthorized."""
        if secret.startswith(MARK):
            return self._keys.authenticate(secret)
        return self._accounts.authenticate(secret, ended_token=True)
