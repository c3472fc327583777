"""What all endpoints share: who calls, sessions, errors as problem+json, uploads, ranges, headers."""
