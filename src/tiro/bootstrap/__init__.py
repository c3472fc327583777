"""Put the parts together: the one place that reads settings and names adapters."""
