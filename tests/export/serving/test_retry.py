import pytest

from psfr_tf.export.serving.errors import server_error
from psfr_tf.export.serving.retry import with_retries


class Call:
    """Raises the given errors one after the other, then answers."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.count = 0

    def __call__(self):
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def away():
    return server_error("host:1", "UNAVAILABLE: connection\nrefused", transient=True)


def test_pauses_double_to_a_limit_and_half_of_them_is_random():
    pauses = []
    assert with_retries(Call(*[away() for _ in range(8)]), 8, pauses.append) == "answer"
    for pause, full in zip(pauses, [1, 2, 4, 8, 16, 30, 30, 30], strict=True):
        assert full / 2 <= pause <= full
    other = []
    with_retries(Call(*[away() for _ in range(8)]), 8, other.append)
    assert pauses != other


def test_the_last_error_comes_through():
    call = Call(away(), away(), away())
    with pytest.raises(OSError, match="connection refused") as error:
        with_retries(call, 2, lambda _: None)
    assert call.count == 3
    assert error.value.filename == "host:1"


def test_what_will_not_pass_is_not_repeated():
    call = Call(server_error("host:1", "INVALID_ARGUMENT: not a PNG"))
    with pytest.raises(OSError, match="not a PNG"):
        with_retries(call, 5, lambda _: pytest.fail("waited"))
    assert call.count == 1
