"""What Tiro does, one folder a feature, each alike: endpoints, schemas, service, repository."""
