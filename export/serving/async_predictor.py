"""`GrpcPredictor` for asyncio: many photos at once in one thread."""

import asyncio
import time

import grpc

from psfr_tf.export.serving import retry, wire
from psfr_tf.export.serving.errors import TransientServerError
from psfr_tf.export.serving.grpc_predictor import GrpcClient, Options
from psfr_tf.export.serving.photos import SIGNATURE, RestoredPhoto, photo_inputs, restored_photo


class AsyncGrpcPredictor(GrpcClient):
    """Calls the signature of whole photos; make it, and use it, in a running event loop.

    Args:
        address, model, version, deadline, options, credentials: see `GrpcClient`.
        retries: further attempts after a failure that may pass.
        photo_deadline: seconds for all attempts at a photo; None for no limit.
    """

    _grpc = grpc.aio

    def __init__(
        self,
        address: str,
        model: str,
        version: int | None = None,
        deadline: float = 60,
        options: Options = (),
        credentials: grpc.ChannelCredentials | None = None,
        retries: int = 5,
        photo_deadline: float | None = None,
    ) -> None:
        super().__init__(address, model, version, deadline, options, credentials)
        self._retries = retries
        self._photo_deadline = photo_deadline

    async def __aenter__(self) -> "AsyncGrpcPredictor":
        return self

    async def __aexit__(self, *_) -> None:
        await self.close()

    async def close(self) -> None:
        await self._channel.close()

    async def restore_photo(
        self, photo: bytes, strength: float = 1.0, min_score: float = 0.8, format: str = "auto"
    ) -> RestoredPhoto:
        """See `GrpcPredictor.restore_photo`."""
        inputs = photo_inputs(photo, strength, min_score, format)
        request = wire.predict_request(*self._model, SIGNATURE, inputs)
        limit = self._photo_deadline
        end = None if limit is None else time.monotonic() + limit
        for attempt in range(self._retries + 1):
            try:
                left = self._deadline if end is None else retry.seconds_left(end)
                seconds = min(self._deadline, left)
                return restored_photo(await self._predict(request, timeout=seconds))
            except grpc.aio.AioRpcError as error:
                failure = await asyncio.to_thread(self._error, error)
            pause = retry.pause(attempt)
            last = attempt == self._retries or not isinstance(failure, TransientServerError)
            if last or (end is not None and time.monotonic() + pause >= end):
                raise failure
            await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")
