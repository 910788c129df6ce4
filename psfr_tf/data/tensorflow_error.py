"""What an error of TensorFlow says, for one line of our own."""


def reason(error: Exception) -> str:
    """The first line of its message, without the names of functions, nodes and operations."""
    line = str(getattr(error, "message", error)).strip().split("\n")[0].split(" [Op:")[0]
    return line.split("}} ")[-1]
