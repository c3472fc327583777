"""The engine `openai`: any server that speaks OpenAI's audio API."""
