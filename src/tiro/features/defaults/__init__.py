"""What users set for all their recordings: words to expect, a prompt, a language."""
