"""Stores of files to test with: a folder, and an S3-shaped server on loopback."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test-secret", "AWS_DEFAULT_REGION": "us-east-1"}
BUCKET = "photos"


@contextmanager
def bucket_server() -> Iterator[str]:
    """The address of a server with an empty bucket, in threads of this process; its keys are in the environment."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    before = {name: os.environ.get(name) for name in KEYS}
    os.environ.update(KEYS)
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        boto3.client("s3", endpoint_url=url).create_bucket(Bucket=BUCKET)
        yield url
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        server.stop()


def list_bucket(url: str) -> list[str]:
    """Every key in the bucket, as somebody else's program lists it."""
    import boto3

    found = boto3.client("s3", endpoint_url=url).list_objects_v2(Bucket=BUCKET)
    return sorted(row["Key"] for row in found.get("Contents", ()))
