"""What a user's recordings are transcribed with where a request does not say otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypedDict, Unpack

from sqlalchemy.orm import Session

from tiro.db.session import Database
from tiro.db.tables import TranscriptionDefaultsTable
from tiro.features.audit.service import Action, record
from tiro.features.defaults import repository
from tiro.speech.options import Defaults, default_language


class DefaultsChange(TypedDict, total=False):
    """What is to be another; None and empty take it away."""

    vocabulary: Iterable[str] | None
    prompt: str | None
    language: str | None


def defaults_of(session: Session, user_id: str) -> Defaults:
    row = repository.of_user(session, user_id)
    return Defaults(tuple(row.vocabulary), row.prompt, row.language) if row else Defaults()


class DefaultsService:
    """The defaults of users. A job takes those of its user when it is made: a change is for those to come."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, user_id: str) -> Defaults:
        with self._database.read() as session:
            return defaults_of(session, user_id)

    def change(self, user_id: str, **change: Unpack[DefaultsChange]) -> Defaults:
        """Raises InvalidRequest or UnsupportedLanguage where a value is out of bounds."""

        def changed(now: Defaults) -> Defaults:
            if "vocabulary" in change:
                now = replace(now, vocabulary=_plain(change["vocabulary"] or ()))
            if "prompt" in change:
                now = replace(now, prompt=(change["prompt"] or "").strip() or None)
            if "language" in change:
                now = replace(now, language=default_language(change["language"]))
            return now

        return self._change(user_id, changed)

    def add_terms(self, user_id: str, terms: Iterable[str]) -> Defaults:
        """Raises InvalidRequest where they become too many."""
        return self._change(user_id, lambda now: replace(now, vocabulary=_plain((*now.vocabulary, *terms))))

    def remove_terms(self, user_id: str, terms: Iterable[str]) -> Defaults:
        """Those that are not there are passed over."""
        gone = set(_plain(terms))
        return self._change(
            user_id,
            lambda now: replace(now, vocabulary=tuple(term for term in now.vocabulary if term not in gone)),
        )

    def _change(self, user_id: str, change: Callable[[Defaults], Defaults]) -> Defaults:
        with self._database.write() as session:
            before = defaults_of(session, user_id)
            after = change(before)
            names = [
                name
                for name in DefaultsChange.__annotations__
                if getattr(before, name) != getattr(after, name)
            ]
            if names:
                repository.keep(
                    session,
                    TranscriptionDefaultsTable(
                        user_id=user_id,
                        vocabulary=list(after.vocabulary),
                        prompt=after.prompt,
                        language=after.language,
                    ),
                )
                terms = len(after.vocabulary)
                record(session, Action.DEFAULTS_CHANGED, user_id, owner=user_id, changed=names, terms=terms)
            return after


def _plain(terms: Iterable[str]) -> tuple[str, ...]:
    """Each once, with single spaces."""
    return tuple(dict.fromkeys(plain for term in terms if (plain := " ".join(term.split()))))
