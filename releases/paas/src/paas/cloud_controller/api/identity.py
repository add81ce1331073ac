"""Who asks: from the claims of an access token."""

from __future__ import annotations

from dataclasses import dataclass

from paas.tokens.claims import Claims


@dataclass(frozen=True)
class Identity:
    """A user, or a client that acts for itself (then `guid` is the client's id)."""

    guid: str
    name: str
    scopes: frozenset[str]
    is_client: bool = False

    @classmethod
    def of(cls, claims: Claims) -> Identity:
        """Whom these claims name."""
        if claims.user_id:
            return cls(claims.user_id, claims.user_name, frozenset(claims.scope))
        return cls(claims.client_id, claims.client_id, frozenset(claims.scope), is_client=True)

    @property
    def admin(self) -> bool:
        """May do everything."""
        return "cloud_controller.admin" in self.scopes

    @property
    def sees_all(self) -> bool:
        """May read everything."""
        return self.admin or "cloud_controller.admin_read_only" in self.scopes or self.global_auditor

    @property
    def global_auditor(self) -> bool:
        """May read everything but secrets."""
        return "cloud_controller.global_auditor" in self.scopes

    @property
    def sees_secrets(self) -> bool:
        """May read everything, secrets too."""
        return self.admin or "cloud_controller.admin_read_only" in self.scopes

    @property
    def may_read(self) -> bool:
        """The token was given for reading."""
        return self.sees_all or "cloud_controller.read" in self.scopes

    @property
    def may_write(self) -> bool:
        """The token was given for changing."""
        return self.admin or "cloud_controller.write" in self.scopes


PLATFORM = Identity("", "", frozenset({"cloud_controller.admin"}))
"""The platform itself, where it acts on its own."""
