"""What admins see of the whole server: jobs, storage, the audit log. Never what was said, nor a title."""
