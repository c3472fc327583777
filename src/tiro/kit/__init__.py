"""Small tools that know nothing of Tiro."""
