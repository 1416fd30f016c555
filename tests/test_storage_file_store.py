"""What a store of files promises, alike for a folder and for a bucket of an S3-shaped server on loopback."""

import hashlib
import io
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from file_store_help import BUCKET, KEYS, bucket_server, list_bucket

from deepseek_mm.errors import BadFile, ConfigError, NothingThere, TransientError
from deepseek_mm.storage.file_store import FileStore
from deepseek_mm.storage_config import StorageConfig

ABC = hashlib.sha256(b"abc").hexdigest()
LONG = b"long" * 500_000


@pytest.fixture(scope="module")
def bucket():
    with bucket_server() as url:
        yield url


class Place:
    """A store, and what somebody else's program sees and does there."""

    def __init__(self, store: FileStore, folder: Path | None, endpoint: str = "", prefix: str = "") -> None:
        self.store, self._folder, self._endpoint, self._prefix = store, folder, endpoint, prefix

    def names(self) -> list[str]:
        if self._folder is not None:
            return sorted(str(path.relative_to(self._folder)) for path in self._folder.rglob("*") if path.is_file())
        return [key.removeprefix(self._prefix) for key in list_bucket(self._endpoint) if key.startswith(self._prefix)]

    def overwrite(self, name: str, data: bytes) -> None:
        if self._folder is not None:
            (self._folder / name).write_bytes(data)
        else:
            import boto3

            boto3.client("s3", endpoint_url=self._endpoint).put_object(
                Bucket=BUCKET, Key=self._prefix + name, Body=data
            )


@pytest.fixture(params=["folder", "bucket"])
def place(request, tmp_path, bucket):
    if request.param == "folder":
        folder = tmp_path / "shared files"
        folder.mkdir()
        return Place(FileStore(f"file://{folder}"), folder)
    prefix = f"{tmp_path.name}/"
    return Place(FileStore(f"s3://{BUCKET}/{prefix}", bucket), None, bucket, prefix)


def put(store: FileStore, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    store.write_once(digest, io.BytesIO(data))
    return digest


def test_bytes_are_kept_once_under_their_checksum_and_come_back_whole(place, tmp_path):
    assert place.store.write_once(ABC, io.BytesIO(b"abc")) is True
    assert place.store.write_once(ABC, io.BytesIO(b"abc")) is False
    assert place.names() == [f"files/{ABC[:2]}/{ABC}"]
    place.store.fetch(put(place.store, LONG), tmp_path / "here" / "long.bin")
    assert (tmp_path / "here" / "long.bin").read_bytes() == LONG
    assert place.store.has(ABC)
    assert {digest for digest, _ in place.store.list_kept()} == {ABC, hashlib.sha256(LONG).hexdigest()}
    assert all(abs(came_s - time.time()) < 100 for _, came_s in place.store.list_kept())


def test_bytes_of_another_checksum_are_refused_and_nothing_is_left(place):
    with pytest.raises(BadFile, match="changed while it was being read"):
        place.store.write_once(ABC, io.BytesIO(b"abd"))
    assert place.names() == []


def test_a_stream_that_breaks_leaves_nothing_half_there(place):
    class Breaking(io.BytesIO):
        def read(self, *args):
            if self.tell():
                raise OSError("the disk failed")
            return super().read(1_000)

    with pytest.raises(OSError, match="the disk failed"):
        place.store.write_once(ABC, Breaking(LONG))
    assert place.names() == []


def test_what_is_damaged_in_the_store_is_told_and_not_handed_out(place, tmp_path):
    put(place.store, b"abc")
    place.overwrite(f"files/{ABC[:2]}/{ABC}", b"abx")
    with pytest.raises(TransientError, match="is damaged: its checksum is"):
        place.store.fetch(ABC, tmp_path / "out" / "abc")
    assert list((tmp_path / "out").iterdir()) == []


def test_what_was_never_put_there_is_told(place, tmp_path):
    assert not place.store.has(ABC)
    with pytest.raises(NothingThere, match="Add the original again"):
        place.store.fetch(ABC, tmp_path / "abc")


def test_removing_takes_the_small_copies_along_and_nothing_else(place):
    other = put(place.store, b"other")
    put(place.store, b"abc")
    place.store.save_copy(ABC, "512.jpg", b"small")
    place.store.save_copy(other, "512.jpg", b"else")
    assert place.store.load_copy(ABC, "512.jpg") == b"small"
    assert place.store.load_copy(ABC, "96.jpg") is None
    place.store.remove(ABC)
    place.store.remove(ABC)
    assert place.names() == [f"files/{other[:2]}/{other}", f"small/{other[:16]}/512.jpg"]
    place.store.share_key()
    place.store.clear()
    assert place.names() == ["key"]


def test_all_who_use_a_store_have_one_key(place):
    again = FileStore(place.store.url, place._endpoint)
    keys = []
    threads = [threading.Thread(target=lambda s=s: keys.append(s.share_key())) for s in (place.store, again) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 6
    assert len(set(keys)) == 1
    assert len(keys[0]) == 32


def test_a_check_leaves_nothing_behind(place):
    place.store.check()
    assert place.names() == []


def test_an_address_of_a_bucket_works_for_whoever_has_it_until_it_ends(bucket):
    store = FileStore(f"s3://{BUCKET}/signed", bucket)
    put(store, b"abc")
    address = store.sign(ABC, name="one two.jpg", lives_s=90)
    answer = httpx.get(address)
    assert answer.content == b"abc"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''one%20two.jpg"
    assert "X-Amz-Expires=90" in address
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in address
    assert not FileStore("file:///tmp").signs


class Refusing(BaseHTTPRequestHandler):
    """A server that refuses all keys, as S3 says it."""

    def do_PUT(self) -> None:
        body = b"<Error><Code>InvalidAccessKeyId</Code><Message>no such key</Message></Error>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args) -> None:
        pass


@pytest.mark.campaign(times=1, only=True)
def test_every_way_in_which_a_bucket_fails_says_what_to_do(bucket, monkeypatch):
    def refusal(url: str, endpoint: str) -> str:
        with pytest.raises(TransientError) as raised:
            FileStore(url, endpoint).check()
        return str(raised.value)

    assert "no such bucket. Make it" in refusal("s3://absent/x", bucket)
    server = HTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        assert "the keys are refused" in refusal("s3://photos/x", f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
    began_s = time.monotonic()
    assert "does not answer. Start it" in refusal("s3://photos/x", f"http://127.0.0.1:{server.server_port}")
    assert time.monotonic() - began_s < 20
    for name in KEYS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    assert "there are no keys. Set AWS_ACCESS_KEY_ID" in refusal("s3://photos/x", bucket)


def test_a_folder_that_is_not_mounted_is_not_made(tmp_path):
    store = FileStore(f"file://{tmp_path}/absent")
    with pytest.raises(TransientError, match="no folder is there. Mount it"):
        put(store, b"abc")
    assert not (tmp_path / "absent").exists()


def test_nobody_has_a_store_of_files_who_names_none():
    assert FileStore.of(StorageConfig()) is None


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"files": "/mnt/photos"}, "must be file:///FOLDER or s3://BUCKET/PREFIX"),
        ({"files": "file://relative"}, "must be file:///FOLDER"),
        ({"files": "s3://key:secret@bucket"}, "hold no keys"),
        ({"files": "s3://b", "files_endpoint": "http://key:secret@host"}, "hold no keys"),
        ({"files": "s3://b", "files_endpoint": "host:9000"}, "must be like http://HOST:9000"),
        ({"files": "s3://b", "files_here_gb": 0}, "must be in 1"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_what_it_should_be(values, said):
    with pytest.raises(ConfigError, match=said):
        StorageConfig(**values)


def test_nothing_of_a_store_is_imported_before_one_is_opened():
    code = "import sys, deepseek_mm.storage.stored_files; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "deepseek_mm.storage.file_store" in out
    assert not {"fsspec", "s3fs", "botocore", "aiobotocore", "boto3"} & set(out)
