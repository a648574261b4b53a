"""HTTPS for a phone on the local network: an authority of one's own and a server's certificate.

A phone gives motion events to secure origins only. The authority is constrained to private
addresses and local names (RFC 5280, section 4.2.1.10): whoever got hold of its key could still not
impersonate any site of the internet to a phone that trusts it.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
import ssl
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from har.errors import HarError
from har.files import replace_file

PRIVATE = (
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
    "100.64.0.0/10", "::1/128", "fc00::/7", "fe80::/10",
)  # fmt: skip
LOCAL_NAMES = ("localhost", "local", "lan", "home.arpa", "internal")
_AUTHORITY_DAYS = 3650
_SERVER_DAYS = 397  # phones refuse longer ones
_RENEW_DAYS = 30


@dataclass(frozen=True)
class Certificates:
    """Files of the authority that a phone is to trust and of the server."""

    authority: Path
    server: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.server, self.key)
        return context

    def fingerprint(self) -> str:
        """SHA-256 of the authority's certificate, as phones show it."""
        certificate = x509.load_pem_x509_certificate(self.authority.read_bytes())
        return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def _among(address: str, networks: Sequence[str]) -> bool:
    return any(ipaddress.ip_address(address) in ipaddress.ip_network(n) for n in networks)


def local_addresses() -> list[str]:
    """This machine's private IPv4 addresses, which a phone on the same network can reach."""
    found = {
        entry.address
        for entries in psutil.net_if_addrs().values()
        for entry in entries
        if entry.family == socket.AF_INET and _among(entry.address, PRIVATE[1:6])
    }
    # Wi-Fi before the addresses that machines give themselves.
    return sorted(found, key=lambda a: (a.startswith("169.254."), not a.startswith("192."), a))


def local_names() -> list[str]:
    name = socket.gethostname().split(".")[0].lower()
    usable = name.isascii() and name.replace("-", "").isalnum()
    return ["localhost", *([f"{name}.local"] if usable else [])]


def make(folder: Path, *, addresses: list[str], names: list[str]) -> Certificates:
    """The authority of this folder, made on first use, and a certificate for this machine.

    Parameters
    ----------
    folder : Path
        Private to its user; the keys in it can be read by no one else.
    addresses, names : list of str
        What the server is reached by. A certificate that lacks one is made anew.

    Raises
    ------
    HarError
        If an address is not private: the authority could not vouch for it.
    """
    for address in addresses:
        if not _among(address, PRIVATE):
            raise HarError(
                f"--https is for local networks, and {address} is a public address. Put a web "
                "server with a real certificate in front of `har serve` instead."
            )
    folder.mkdir(parents=True, exist_ok=True)
    os.chmod(folder, 0o700)
    files = Certificates(folder / "har-ca.crt", folder / "server.crt", folder / "server.key")
    authority_key = folder / "har-ca.key"
    if not _still_good(files.authority) or not authority_key.is_file():
        _make_authority(files.authority, authority_key)
        files.server.unlink(missing_ok=True)
    if not _still_good(files.server, covers={*addresses, *names}) or not files.key.is_file():
        _make_server(files, authority_key, addresses, names)
    return files


def _still_good(path: Path, covers: Collection[str] = ()) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    if left < datetime.timedelta(days=_RENEW_DAYS):
        return False
    if not covers:
        return True
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(n.value) for n in names} >= set(covers)


def _make_authority(certificate: Path, key_file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"har local authority ({socket.gethostname()[:30]})")
    permitted: list[x509.GeneralName] = [x509.DNSName(n) for n in LOCAL_NAMES]
    permitted += [x509.IPAddress(ipaddress.ip_network(n)) for n in PRIVATE]
    builder = (
        _builder(name, name, key, _AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
    )
    _write(certificate, builder, signer=key, key_file=key_file, key=key)


def _make_server(
    files: Certificates, authority_key: Path, addresses: list[str], names: list[str]
) -> None:
    authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
    signer = serialization.load_pem_private_key(authority_key.read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    alternatives: list[x509.GeneralName] = [x509.DNSName(n) for n in names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(a)) for a in addresses]
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    server_auth = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    builder = (
        _builder(_name("har serve"), authority.subject, key, _SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(server_auth, critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(identifier, critical=False)
    )
    _write(files.server, builder, signer=signer, key_file=files.key, key=key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))  # phones' clocks differ
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _name(common: str) -> x509.Name:
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "har serve")
    return x509.Name([organization, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(
    path: Path,
    builder: x509.CertificateBuilder,
    *,
    signer: ec.EllipticCurvePrivateKey,
    key_file: Path,
    key: ec.EllipticCurvePrivateKey,
) -> None:
    """A signed certificate, and its key, which only its owner may read."""
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    replace_file(key_file, pem, mode=0o600)
    signed = builder.sign(signer, hashes.SHA256())
    replace_file(path, signed.public_bytes(serialization.Encoding.PEM))
