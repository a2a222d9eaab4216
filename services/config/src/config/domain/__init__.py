"""The rules of config, pure: values in, events out."""
