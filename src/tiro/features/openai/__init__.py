"""OpenAI's audio API, for clients that speak it already."""
