"""The local authority: a client that trusts it connects, and it can vouch for nothing public."""

from __future__ import annotations

import contextlib
import datetime
import ssl
import stat
import urllib.request

import pytest
from cryptography import x509

from har.cli.serve import announcement
from har.errors import HarError
from har.phone import certificates
from har.phone.server import Server
from har.phone.site import build_site
from har.phone.uploads import Uploads
from tests.phone.serving import running, write_bundle, write_page

NAMES, ADDRESSES = ["localhost", "box.local"], ["127.0.0.1", "192.168.1.7"]


@pytest.fixture
def made(tmp_path):
    return certificates.make(tmp_path / "https", addresses=ADDRESSES, names=NAMES)


def test_a_client_that_trusts_the_authority_connects(made, tmp_path):
    site = build_site(
        write_bundle(tmp_path / "b"), web=write_page(tmp_path / "w"), authority=made.authority
    )
    server = Server(("127.0.0.1", 0), site, Uploads(tmp_path), tls=made.context())
    trusting = ssl.create_default_context(cafile=str(made.authority))
    with running(server):
        for name in ("127.0.0.1", "localhost"):
            url = f"https://{name}:{server.port}"
            with urllib.request.urlopen(f"{url}/", context=trusting, timeout=5) as r:
                assert r.status == 200
            with urllib.request.urlopen(f"{url}/har-ca.crt", context=trusting, timeout=5) as r:
                assert r.read() == made.authority.read_bytes()
                assert r.headers["Content-Type"] == "application/x-x509-ca-cert"
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            urllib.request.urlopen(f"{url}/", timeout=5, context=ssl.create_default_context())


def test_one_client_that_dawdles_holds_up_nobody(made, tmp_path):
    """The TLS handshake of a silent connection must not block the others."""
    import socket

    site = build_site(write_bundle(tmp_path / "b"), web=write_page(tmp_path / "w"))
    server = Server(("127.0.0.1", 0), site, Uploads(tmp_path), tls=made.context())
    trusting = ssl.create_default_context(cafile=str(made.authority))
    with running(server), socket.create_connection(("127.0.0.1", server.port)):
        url = f"https://127.0.0.1:{server.port}/"
        with urllib.request.urlopen(url, context=trusting, timeout=5) as r:
            assert r.status == 200


def test_keys_are_private_and_the_authority_is_kept(made, tmp_path):
    folder = tmp_path / "https"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for key in ("har-ca.key", "server.key"):
        assert stat.S_IMODE((folder / key).stat().st_mode) == 0o600
    before = made.authority.read_bytes(), made.server.read_bytes()
    again = certificates.make(folder, addresses=ADDRESSES[:1], names=NAMES[:1])
    assert (again.authority.read_bytes(), again.server.read_bytes()) == before
    moved = certificates.make(folder, addresses=[*ADDRESSES, "10.0.0.4"], names=NAMES)
    assert moved.authority.read_bytes() == before[0]
    assert moved.server.read_bytes() != before[1]


def test_what_the_authority_can_vouch_for(made):
    authority = x509.load_pem_x509_certificate(made.authority.read_bytes())
    limits = authority.extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    for name in limits.value.permitted_subtrees:
        if isinstance(name, x509.IPAddress):
            assert name.value.is_private or str(name.value) == "100.64.0.0/10"
    basic = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)


def test_phones_accept_the_servers_lifetime(made):
    """Apple refuses more than 825 days of an authority that a user added, 398 of others."""
    server = x509.load_pem_x509_certificate(made.server.read_bytes())
    life = server.not_valid_after_utc - server.not_valid_before_utc
    assert life <= datetime.timedelta(days=398)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(n.value) for n in names} == {*NAMES, *ADDRESSES}


def test_public_addresses_are_refused(tmp_path):
    with pytest.raises(HarError, match=r"8\.8\.8\.8 is a public address"):
        certificates.make(tmp_path, addresses=["8.8.8.8"], names=[])


def test_only_private_addresses_are_announced():
    for address in certificates.local_addresses():
        assert not address.startswith("127.")


def test_how_to_trust_it_is_said(made, tmp_path):
    site = build_site(write_bundle(tmp_path / "b"), web=write_page(tmp_path / "w"))
    server = Server(("127.0.0.1", 0), site, Uploads(tmp_path), tls=made.context())
    with contextlib.closing(server):
        text = announcement(server, made)
    assert f"https://127.0.0.1:{server.port}/har-ca.crt" in text
    assert made.fingerprint() in text
    assert "Certificate Trust Settings" in text
