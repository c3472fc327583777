"""The domain: values and rules of speech. Pure: no files, no network, no clock."""
