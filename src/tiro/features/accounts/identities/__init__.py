"""Logins at an identity provider, by OpenID Connect."""
