"""What a photo was taken with, in words: a phone or a camera, told by the maker and the model that its file names."""

import re

PHONES = re.compile(
    r"\b(?:iphone|pixel|galaxy|sm-\w+|redmi|poco|mi \d|huawei|honor|oneplus|xiaomi|oppo|vivo|realme|motorola|moto|nokia"
    r"|fairphone|nothing phone|htc|blackberry|zte|lumia|xperia)\b",
    re.IGNORECASE,
)
BY_PHONE, BY_CAMERA = "taken with a phone", "taken with a camera"


def describe_camera(camera: str) -> str:
    """ "taken with a phone: Apple iPhone 12"; "" where no camera is named."""
    return f"{BY_PHONE if PHONES.search(camera) else BY_CAMERA}: {camera}" if camera else ""
