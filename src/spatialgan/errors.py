"""The one exception for mistakes that a user can put right."""


class SpatialGANError(Exception):
    """A wrong argument, file or field, told in one sentence that names it and says what would be right.

    The command line prints the sentence and exits with code 2; everything else is a bug and keeps its traceback.
    """
