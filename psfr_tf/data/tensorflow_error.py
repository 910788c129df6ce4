"""What an error of TensorFlow says, for one line of our own."""

_ASSERTION = "assertion failed: "


def reason(error: Exception) -> str:
    """The first line of its message, without the names of functions, nodes and operations.

    Of an assertion, the words and values that it was given.
    """
    text = str(getattr(error, "message", error)).strip()
    if _ASSERTION in text:  # [words] [a value]
        return text.split(_ASSERTION)[-1].split("\n")[0].replace("[", "").replace("]", "").strip()
    return text.split("\n")[0].split(" [Op:")[0].split("}} ")[-1]
