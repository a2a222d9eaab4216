"""Which addresses and URLs are on the public internet."""

from ipaddress import IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.guarded_addresses import UrlRefused, check_url, forbidden, loopback_only, parse_target

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "text",
    [
        *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.254", "127.0.0.1", "127.255.0.9"),
        *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.0.170", "192.0.2.1", "192.88.99.1"),
        *("192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.7", "224.0.0.1", "239.1.1.1"),
        *("240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::7f00:1"),
        *("64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::1"),
        *("2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::1", "2002:808:808::1", "3fff::1", "5f00::1"),
        *("fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%lo", "fec0::1", "ff02::1", "2606:4700::1%eth0"),
    ],
)
def test_an_address_that_is_not_on_the_public_internet_is_forbidden(text: str) -> None:
    assert forbidden(ip_address(text))


@pytest.mark.parametrize("text", ["1.1.1.1", "8.8.8.8", "100.63.0.1", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"])
def test_an_address_of_the_public_internet_is_not_forbidden(text: str) -> None:
    assert not forbidden(ip_address(text))


@given(st.integers(0, 2**32 - 1), st.sampled_from(["::ffff:0:0", "::", "64:ff9b::", "::ffff:0:0:0"]))
def test_no_ipv4_address_can_hide_in_an_ipv6_address(number: int, prefix: str) -> None:
    assert forbidden(IPv6Address(int(IPv6Address(prefix)) + number))


@given(st.ip_addresses())
def test_what_is_not_global_is_forbidden(address: object) -> None:
    known = ip_address(str(address))
    assert known.is_global or forbidden(known)


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("https://api.example.com", "api.example.com", "/"),
        ("https://API.Example.com./a?b=c#d", "api.example.com", "/a?b=c"),
        ("https://bücher.example/x", "xn--bcher-kva.example", "/x"),
        ("https://1.1.1.1:443/", "1.1.1.1", "/"),
        ("https://[2606:4700:0::1111]/", "2606:4700::1111", "/"),
    ],
)
def test_a_public_url_is_read(url: str, host: str, path: str) -> None:
    target = check_url(url)
    assert (target.host, target.path, target.usual) == (host, path, True)


@pytest.mark.parametrize(
    "url",
    [
        *("", "https://", "https:///x", "example.com", "//example.com", "file:///etc/passwd", "gopher://1.1.1.1/"),
        *("ftp://example.com/", "javascript:alert(1)", "http://example.com/", "https://example.com:8443/"),
        *("https://example.com:0/", "https://example.com:99999/", "https://example.com:x/", "https://[::1"),
        *("https://user@example.com/", "https://user:word@example.com/", "https://@example.com/"),
        *("https://example.com/\r\nHost: x", "https://example.com/a b", "https://example.com/\t", "https://e\\x.com/"),
        *("https://example.com/ü", "https://exa_mple.com/", "https://-example.com/", f"https://{'a' * 64}.com/"),
        *("https://127.0.0.1/", "https://[::ffff:127.0.0.1]/", "https://" + "a" * 3000, "https://a..b/"),
    ],
)
def test_a_url_that_cannot_be_good_is_refused_when_it_is_written(url: str) -> None:
    with pytest.raises(UrlRefused):
        check_url(url)


def test_the_permission_of_development_reaches_loopback_and_nothing_else() -> None:
    assert check_url("http://127.0.0.1:8080/x", allow=loopback_only).port == 8080
    for url in ("http://169.254.169.254/", "http://10.0.0.1/", "http://0.0.0.0/"):
        with pytest.raises(UrlRefused):
            check_url(url, allow=loopback_only)


@given(st.text(max_size=40))
def test_whatever_is_written_is_refused_or_read_as_a_host_of_plain_letters(text: str) -> None:
    try:
        target = parse_target(f"https://{text}")
    except UrlRefused:
        return
    assert target.host.isascii()
    assert target.host == target.host.lower()
    assert not set(target.host) & set(" /\\@%?#\r\n\t")
    assert target.path.startswith(("/", "?"))
