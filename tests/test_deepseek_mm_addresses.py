"""Which addresses are public."""

import pytest

from deepseek_mm.addresses import is_public


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::101:101", "::ffff:8.8.8.8", "99.255.0.1"]
)
def test_addresses_that_anybody_reaches_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "169.254.169.254",  # metadata of most clouds
        "168.63.129.16",  # of Azure
        "192.0.0.192",  # of Oracle
        "100.100.100.200",  # of Alibaba
        "100.64.0.1",
        "100.127.255.255",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "192.88.99.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::101:101",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001:0:7f00:1::",  # Teredo
        "2001:db8::1",
        "2606:4700::5efe:7f00:1",  # ISATAP
        "2606:4700::200:5efe:127.0.0.1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "100::1",
        "3fff::1",
        "4000::1",
        "5f00::1",
        "localhost",
        "",
        "127.1",
        "0x7f000001",
    ],
)
def test_private_reserved_hidden_and_metadata_addresses_are_not(address):
    assert not is_public(address)
