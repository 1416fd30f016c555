"""What other programs say of photos as XMP: packets inside photos and in the sidecars beside them."""
