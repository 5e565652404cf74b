"""The gRPC channels of a client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import grpc.aio

from sidehook import _silence
from sidehook._manifest import Limits
from sidehook._mux import LARGEST_BATCH_BYTES
from sidehook._tls_credentials import channel_credentials, channel_options

if TYPE_CHECKING:
    from sidehook._addresses import Place
    from sidehook._client_settings import Settings

_LARGEST_MESSAGE: Final = Limits().max_message_bytes + LARGEST_BATCH_BYTES

OPTIONS: Final = (
    ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
    ("grpc.max_send_message_length", _LARGEST_MESSAGE),
    # The sidecar is on this machine or inside the cluster, never behind a web proxy.
    ("grpc.enable_http_proxy", 0),
    # Attempts are spaced by this library; gRPC's own backoff, shared between channels,
    # would add to that.
    ("grpc.use_local_subchannel_pool", 1),
)


def open_channel(settings: Settings, place: Place) -> grpc.aio.Channel:
    """Return a channel that connects at once or fails at once, for the running loop.

    Raises TlsError for certificates that cannot be used.
    """
    target = place.target
    # The certificate of each address of a name is for the name.
    named = (("grpc.default_authority", place.name),) if place.name else ()
    options = (*OPTIONS, *_silence.pinged(target), *named)
    if settings.credentials is not None:
        return grpc.aio.secure_channel(target, settings.credentials, options=options)
    tls = settings.resolved_tls(target)
    if tls is None:
        return grpc.aio.insecure_channel(target, options=options)
    return grpc.aio.secure_channel(
        target, channel_credentials(tls), options=(*options, *channel_options(tls))
    )
