"""Pictures in requests: data URLs within limits, addresses if that is switched on, never a path."""

import base64
import io

import pytest
from far_server import answer, elsewhere
from PIL import Image

from deepseek_mm.api.request_pictures import MOST, PictureDecoder
from deepseek_mm.config import ParseConfig, ServeConfig
from deepseek_mm.errors import BadPicture, BadQuestion, Forbidden, TooLarge


def encoded(kind: str = "PNG", size: tuple[int, int] = (4, 3)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, (200, 10, 30)).save(stream, kind)
    return stream.getvalue()


def data_url(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


@pytest.fixture
def pictures():
    return PictureDecoder(ServeConfig(), ParseConfig())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_data_url_becomes_its_picture_whatever_type_it_claims(pictures, kind):
    image = pictures.open(data_url(encoded(kind), "image/png"))
    assert (image.mode, image.size) == ("RGB", (4, 3))


def test_many_pictures_come_in_their_order_and_too_many_are_refused(pictures):
    urls = [data_url(encoded(size=(n, 1))) for n in (3, 1, 2)]
    assert [taken.image.width for taken in pictures.take_many(urls)] == [3, 1, 2]
    with pytest.raises(BadQuestion, match="names 65 pictures, and 64 are taken"):
        pictures.take_many(urls[:1] * (MOST + 1))


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("data:image/png;base64,@@@@", BadPicture),
        ("data:image/png;base64,", BadPicture),
        ("data:image/png,rawbytes", BadPicture),
        ("data:text/html;base64,PGI+", BadPicture),
        (data_url(b"%PDF-1.4 no picture"), BadPicture),
        (data_url(b"PK\3\4 no picture"), BadPicture),
        (data_url(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"), BadPicture),
        (data_url(encoded()[:40]), BadPicture),
        ("file:///etc/passwd", Forbidden),
        ("/etc/passwd", Forbidden),
        ("C:\\a.png", Forbidden),
        ("ftp://far.example/a.png", Forbidden),
        ("javascript:alert(1)", Forbidden),
        ("", Forbidden),
    ],
)
def test_what_is_no_picture_of_a_request_is_refused_with_what_to_send(pictures, url, error):
    with pytest.raises(error, match=r"Send|send|Use|Copy|Encode"):
        pictures.open(url)


def test_a_data_url_that_is_too_long_is_refused_before_it_is_decoded():
    pictures = PictureDecoder(ServeConfig(), ParseConfig(max_bytes=1_000))
    with pytest.raises(TooLarge, match="1,000 bytes"):
        pictures.open("data:image/png;base64," + "@" * 1_400)  # decoding it would complain of the letters


def test_a_picture_with_too_many_pixels_is_refused_before_it_is_decoded():
    pictures = PictureDecoder(ServeConfig(), ParseConfig(max_pixels=100))
    with pytest.raises(BadPicture, match=r"parse\.max_pixels"):
        pictures.open(data_url(encoded(size=(11, 10))))


@pytest.mark.parametrize("url", ["http://far.example/a.png", "HTTPS://far.example/a.png"])
def test_addresses_are_fetched_only_where_that_is_switched_on(url):
    fetched = []

    def fetch(url: str) -> bytes:
        fetched.append(url)
        return encoded()

    with pytest.raises(Forbidden, match=r"serve\.fetch_urls=true"):
        PictureDecoder(ServeConfig(), ParseConfig(), fetch=fetch).open(url)
    assert fetched == []
    assert PictureDecoder(ServeConfig(fetch_urls=True), ParseConfig(), fetch=fetch).open(url).size == (4, 3)


def test_what_was_fetched_is_judged_by_its_bytes_and_not_by_what_the_server_says():
    with elsewhere() as there:
        there.pages |= {"/a.png": answer(encoded()), "/b.png": answer(b"<html>")}
        pictures = PictureDecoder(ServeConfig(fetch_urls=True), ParseConfig(), fetch=there.fetcher().fetch)
        assert pictures.open("http://far.example/a.png").size == (4, 3)
        with pytest.raises(BadPicture, match="the fetched picture is no picture"):
            pictures.open("http://far.example/b.png")
