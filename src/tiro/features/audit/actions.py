"""The names of deeds. They are stable: programs may rely on them."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """What was done. The first word says what the entry's target is: of ``job``, ``share`` and ``comment``
    the recording; of ``login``, ``password``, ``second_factor``, ``identity``, ``link``, ``retention`` and
    ``defaults`` the user; of ``model`` its name."""

    LOGIN_SUCCEEDED = "login.succeeded"
    LOGIN_FAILED = "login.failed"
    LOGIN_ENDED = "login.ended"
    LOGIN_ALL_ENDED = "login.all_ended"
    LOGIN_REFRESH_REUSED = "login.refresh_reused"
    LOGIN_CHALLENGED = "login.challenged"
    FACTOR_BEGUN = "second_factor.begun"
    FACTOR_ENABLED = "second_factor.enabled"
    FACTOR_DISABLED = "second_factor.disabled"
    FACTOR_RESET = "second_factor.reset"
    FACTOR_RECOVERY_USED = "second_factor.recovery_used"
    FACTOR_RECOVERY_RENEWED = "second_factor.recovery_renewed"
    IDENTITY_LINKED = "identity.linked"
    IDENTITY_UNLINKED = "identity.unlinked"
    PASSWORD_SET = "password.set"  # noqa: S105 (a deed, not a secret)
    PASSWORD_REFUSED = "password.refused"  # noqa: S105
    PASSWORD_RESET = "password.reset"  # noqa: S105
    LINK_CREATED = "link.created"
    USER_CREATED = "user.created"
    USER_ROLE_CHANGED = "user.role_changed"
    USER_DISABLED = "user.disabled"
    USER_ENABLED = "user.enabled"
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    UPLOAD_BEGUN = "upload.begun"
    UPLOAD_REMOVED = "upload.removed"
    UPLOAD_CUT_OFF = "upload.cut_off"
    RECORDING_CREATED = "recording.created"
    RECORDING_DELETED = "recording.deleted"
    RECORDING_HELD = "recording.held"
    RECORDING_RELEASED = "recording.released"
    RECORDING_MEDIA_REMOVED = "recording.media_removed"
    RECORDING_PURGED = "recording.purged"
    RECORDING_EDITED = "recording.edited"
    RECORDING_CHANGED = "recording.changed"
    COMMENT_CREATED = "comment.created"
    COMMENT_CHANGED = "comment.changed"
    COMMENT_REMOVED = "comment.removed"
    SHARE_CREATED = "share.created"
    SHARE_REMOVED = "share.removed"
    SHARE_LINK_CREATED = "share.link_created"
    SHARE_LINK_REVOKED = "share.link_revoked"
    GROUP_CREATED = "group.created"
    GROUP_REMOVED = "group.removed"
    GROUP_MEMBER_ADDED = "group.member_added"
    GROUP_MEMBER_REMOVED = "group.member_removed"
    BATCH_CREATED = "batch.created"
    BATCH_CANCELLED = "batch.cancelled"
    BATCH_REMOVED = "batch.removed"
    JOB_CANCELLED = "job.cancelled"
    JOB_RETRIED = "job.retried"
    WEBHOOK_CREATED = "webhook.created"
    WEBHOOK_CHANGED = "webhook.changed"
    WEBHOOK_ROTATED = "webhook.rotated"
    WEBHOOK_REMOVED = "webhook.removed"
    WEBHOOK_DISABLED = "webhook.disabled"
    WEBHOOK_TESTED = "webhook.tested"
    WEBHOOK_REDELIVERED = "webhook.redelivered"
    RETENTION_CHANGED = "retention.changed"
    DEFAULTS_CHANGED = "defaults.changed"
    MODEL_FETCHED = "model.fetched"
    MODEL_STOPPED = "model.stopped"
    MODEL_REMOVED = "model.removed"
    AUDIT_PRUNED = "audit.pruned"
    BACKUP_MADE = "backup.made"
    BACKUP_RESTORED = "backup.restored"


ACTIONS: dict[Action, str] = {
    Action.LOGIN_SUCCEEDED: "Somebody logged in: `by` is `password`, `link`, `change` of the password, "
    "`second factor` or `identity`.",
    Action.LOGIN_FAILED: "Somebody could not: `reason`. A name that nobody has is not written down: people "
    "type passwords there.",
    Action.LOGIN_ENDED: "One login was ended.",
    Action.LOGIN_ALL_ENDED: "All logins of a user were ended by themselves.",
    Action.LOGIN_REFRESH_REUSED: "A refresh token came a second time, at which its login ended.",
    Action.LOGIN_CHALLENGED: "A password was right, and a code of the second factor was asked for.",
    Action.FACTOR_BEGUN: "A second factor was begun; it counts once it is confirmed.",
    Action.FACTOR_ENABLED: "A second factor was confirmed.",
    Action.FACTOR_DISABLED: "A user disabled their second factor.",
    Action.FACTOR_RESET: "A user's second factor was taken away, by an admin or the operator.",
    Action.FACTOR_RECOVERY_USED: "A recovery code was used.",
    Action.FACTOR_RECOVERY_RENEWED: "Other recovery codes were made.",
    Action.IDENTITY_LINKED: "A user was linked to what they are at the identity provider: `issuer`.",
    Action.IDENTITY_UNLINKED: "A user's links to the identity provider were taken away.",
    Action.PASSWORD_SET: "A password was set: `by` is `link`, `change`, or `operator`.",
    Action.PASSWORD_REFUSED: "A change of password was tried with a wrong current one.",
    Action.PASSWORD_RESET: "A password was taken away.",
    Action.LINK_CREATED: "A link that sets a password was made.",
    Action.USER_CREATED: "A user was made: `name`, `role`.",
    Action.USER_ROLE_CHANGED: "A user got another role: `before`, `after`.",
    Action.USER_DISABLED: "A user was disabled.",
    Action.USER_ENABLED: "A user was enabled.",
    Action.KEY_CREATED: "A key was made: `name`, `scopes`, `expires_at`.",
    Action.KEY_REVOKED: "A key was revoked.",
    Action.UPLOAD_BEGUN: "A resumable upload was announced: `length` in bytes.",
    Action.UPLOAD_REMOVED: "A resumable upload was given up, or by the server after its time.",
    Action.UPLOAD_CUT_OFF: "A recording that fell silent was finished by the server with what had come: "
    "`length` in bytes.",
    Action.RECORDING_CREATED: "A recording was kept: `size` in bytes, `passing` if it goes with the answer.",
    Action.RECORDING_DELETED: "A recording was deleted with all that was made of it.",
    Action.RECORDING_HELD: "A recording was put on hold.",
    Action.RECORDING_RELEASED: "A recording was released from its hold.",
    Action.RECORDING_MEDIA_REMOVED: "Retention removed a recording's file: `size`, `days`.",
    Action.RECORDING_PURGED: "Retention removed a recording with all that was made of it: `size`, `days`.",
    Action.RECORDING_EDITED: "A recording's transcript was changed: `version` that this made, `segments` "
    "counts those that changed, `undoes` the version that it took back.",
    Action.RECORDING_CHANGED: "A recording's title or tags were changed: `changed` names which.",
    Action.COMMENT_CREATED: "A recording was commented: `comment_id`.",
    Action.COMMENT_CHANGED: "A comment was changed, or marked as dealt with or not: `comment_id`.",
    Action.COMMENT_REMOVED: "A comment was removed: `comment_id`.",
    Action.SHARE_CREATED: "A recording was shared: `role`, and `user_id` or `group_id`.",
    Action.SHARE_REMOVED: "A recording is shared no more: `share_id`.",
    Action.SHARE_LINK_CREATED: "A link that opens a recording was made: `link_id`, `expires_at`.",
    Action.SHARE_LINK_REVOKED: "A link that opened a recording was revoked: `link_id`.",
    Action.GROUP_CREATED: "A group was made: `name`.",
    Action.GROUP_REMOVED: "A group was removed, with all that was shared with it.",
    Action.GROUP_MEMBER_ADDED: "A user came into a group: `user_id`.",
    Action.GROUP_MEMBER_REMOVED: "A user was taken out of a group: `user_id`.",
    Action.BATCH_CREATED: "A batch was begun.",
    Action.BATCH_CANCELLED: "The jobs of a batch were asked to stop: `jobs` counts them.",
    Action.BATCH_REMOVED: "A batch was forgotten; its recordings stay.",
    Action.JOB_CANCELLED: "A job was asked to stop.",
    Action.JOB_RETRIED: "A recording's job was queued again.",
    Action.WEBHOOK_CREATED: "A webhook was made: `name`. Its address is not written down.",
    Action.WEBHOOK_CHANGED: "A webhook was changed: `changed` names what of it.",
    Action.WEBHOOK_ROTATED: "A webhook got another secret.",
    Action.WEBHOOK_REMOVED: "A webhook was removed.",
    Action.WEBHOOK_DISABLED: "The server turned a webhook off: `reason`.",
    Action.WEBHOOK_TESTED: "A test message was sent to a webhook: `delivery_id`.",
    Action.WEBHOOK_REDELIVERED: "A message was sent to a webhook once more: `delivery_id`.",
    Action.RETENTION_CHANGED: "A user chose how long to keep: `media_days`, `recording_days`.",
    Action.DEFAULTS_CHANGED: "A user set what holds for their recordings: `changed` names what of it, "
    "`terms` counts the vocabulary. No word of it is written down.",
    Action.MODEL_FETCHED: "A download of a model was begun, or gone on with.",
    Action.MODEL_STOPPED: "A download of a model was stopped.",
    Action.MODEL_REMOVED: "A model was removed, or what had arrived of it.",
    Action.AUDIT_PRUNED: "Old entries of the audit log were deleted: `count`, `before`.",
    Action.BACKUP_MADE: "All data was written into a backup: `rows`, `files`, `size` in bytes.",
    Action.BACKUP_RESTORED: "All data came out of a backup: `made_at`, `release`, `rows`, `files`.",
}

GROUPS = frozenset(action.partition(".")[0] for action in Action)
"""What actions begin with: `recording` stands for all that is done to recordings."""
