"""Events: the log that live views follow."""
