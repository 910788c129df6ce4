"""The one exception whose message is meant for the person at the keyboard."""


class UserError(Exception):
    """Bad input: one line that names the file or option and says what to do.

    The command line prints it as `psfr: error: MESSAGE` and exits with 1.
    """
