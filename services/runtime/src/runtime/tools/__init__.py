"""What a model may call: one file per tool family, and one place through which every call goes."""
