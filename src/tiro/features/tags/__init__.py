"""Tags: words under which recordings are found again."""
