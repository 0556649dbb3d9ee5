"""The one exception that means "the input is wrong": the program prints its sentence and stops with status
2."""


class InputError(ValueError):
    """Something a person gave cannot be used. The message is one sentence: what came, what was wanted, where,
    the remedy."""
