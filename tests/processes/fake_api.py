"""An API server with as much of Kubernetes as streams need: services, EndpointSlices, channels.

Over TLS on loopback, with its own authority and a client's certificate asked for. A pod's port is
a TCP port of this computer, an exec is a process.
"""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import ipaddress
import json
import re
import ssl
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Request,
)

from fogbed.clients.aborting import abort

CHUNK = 2**15


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """Makes certificates; what it made is in PEM."""

    def __init__(self):
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._signed("authority", self._key, is_authority=True)

    def issue(self, name, *, days=1):
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return self._signed(name, key, days=days), private

    def _signed(self, name, key, *, is_authority=False, days=1):
        now = dt.datetime.now(dt.UTC)
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        built = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name("authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=2))
            .not_valid_after(now + dt.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return built.public_bytes(serialization.Encoding.PEM)


class FakeApi:
    """``pods``: name -> its port here; those in ``ready`` are Ready. ``offers``: protocols."""

    def __init__(self, folder):
        self.authority = Authority()
        self._folder = Path(folder)
        self.pods, self.ready = {}, set()
        self.offers = ("v5.channel.k8s.io", "v4.channel.k8s.io")
        self.token = "let-me-in"  # noqa: S105 - of no cluster
        self.port = 0
        self.asked, self.heads = [], []
        self.children = []
        self._loop = asyncio.new_event_loop()
        self._server = None
        self._tasks = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.start()

    def start(self):
        """Listen, on the port of before if there was one."""
        self._run(self._start())

    def stop(self):
        """Be gone, with every connection."""
        self._run(self._stop())

    def close(self):
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _start(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate, key = self.authority.issue("server")
        (self._folder / "server.pem").write_bytes(certificate + key)
        context.load_cert_chain(self._folder / "server.pem")
        context.load_verify_locations(cadata=self.authority.certificate.decode())
        context.verify_mode = ssl.CERT_OPTIONAL

        def accept(reader, writer):
            task = asyncio.create_task(self._serve(reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self._server = await asyncio.start_server(accept, "127.0.0.1", self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self):
        if self._server is not None:
            self._server.close()
        self._server = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def kubeconfig(self, *, user="certificate", **cluster):
        """Write a kubeconfig and return its path."""
        certificate, key = self.authority.issue("user")
        users = {
            "certificate": {
                "client-certificate-data": base64.b64encode(certificate).decode(),
                "client-key-data": base64.b64encode(key).decode(),
            },
            "token": {"token": self.token},
        }
        given = user if isinstance(user, dict) else users[user]
        trusted = {
            "certificate-authority-data": base64.b64encode(self.authority.certificate).decode()
        }
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [
                {
                    "name": "c",
                    "cluster": {"server": f"https://127.0.0.1:{self.port}", **trusted, **cluster},
                }
            ],
            "users": [{"name": "u", "user": given}],
        }
        path = self._folder / "kubeconfig"
        path.write_text(json.dumps(document), encoding="utf-8")
        return path

    async def _serve(self, reader, writer):
        try:
            await self._requests(reader, writer)
            writer.close()
            await writer.wait_closed()
        except (OSError, EOFError):
            pass
        finally:
            abort(writer)

    def _knows(self, writer, headers):
        has_certificate = writer.get_extra_info("peercert")
        return has_certificate or headers.get("authorization") == f"Bearer {self.token}"

    async def _requests(self, reader, writer):
        while head := await reader.readuntil(b"\r\n\r\n"):
            lines = head.decode().split("\r\n")
            target = lines[0].split(" ")[1]
            headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
            headers |= {
                line.split(": ", 1)[0].lower(): line.split(": ", 1)[1] for line in lines[1:] if line
            }
            self.asked.append(target)
            self.heads.append(lines)
            if not self._knows(writer, headers):
                self._answer(writer, 401, {"message": "Unauthorized"})
            elif "upgrade" in headers:
                if await self._upgrade(target, head, reader, writer):
                    return
            else:
                self._answer(writer, *self._object(target))

    def _answer(self, writer, status, value):
        body = json.dumps(value).encode()
        writer.write(
            f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )

    def _object(self, target):
        if "/services/web" in target:
            port = {"name": "http", "port": 8081}
            return 200, {"metadata": {"name": "web"}, "spec": {"ports": [port]}}
        if "/endpointslices" in target:
            items = [
                {
                    "ports": [{"name": "http", "port": port}],
                    "endpoints": [
                        {
                            "conditions": {"ready": pod in self.ready},
                            "targetRef": {"kind": "Pod", "name": pod},
                        }
                    ],
                }
                for pod, port in self.pods.items()
            ]
            return 200, {"items": items}
        return 404, {"message": f"{target} not found"}

    async def _upgrade(self, target, head, reader, writer):
        pod = re.search("/pods/([^/]+)/", target)[1]
        if pod not in self.pods:
            self._answer(writer, 404, {"message": f'pods "{pod}" not found'})
            return False
        ws = WSConnection(ConnectionType.SERVER)
        ws.receive_data(head)
        request = next(event for event in ws.events() if isinstance(event, Request))
        protocol = next(each for each in request.subprotocols if each in self.offers)
        writer.write(ws.send(AcceptConnection(subprotocol=protocol)))
        query = parse_qs(urlsplit(target).query, keep_blank_values=True)
        if "/portforward" in target:
            await self._forward(int(query["ports"][0]), ws, reader, writer)
        else:
            await self._exec(query, protocol, ws, reader, writer)
        return True

    @staticmethod
    async def _messages(ws, reader):
        whole = b""
        while data := await reader.read(CHUNK):
            ws.receive_data(data)
            for event in ws.events():
                if isinstance(event, BytesMessage):
                    whole += event.data
                    if event.message_finished:
                        yield whole[0], bytes(whole[1:])
                        whole = b""
                elif isinstance(event, CloseConnection):
                    return

    @staticmethod
    async def _pump(channel, source, ws, writer):
        while data := await source.read(CHUNK):
            writer.write(ws.send(BytesMessage(bytes([channel]) + data)))
            await writer.drain()

    async def _forward(self, port, ws, reader, writer):
        header = port.to_bytes(2, "little")
        writer.write(ws.send(BytesMessage(b"\0" + header)) + ws.send(BytesMessage(b"\1" + header)))
        try:
            from_pod, to_pod = await asyncio.open_connection("127.0.0.1", port)
        except OSError as error:
            writer.write(ws.send(BytesMessage(b"\1" + str(error).encode())))
            writer.write(ws.send(CloseConnection(code=1000)))
            await writer.drain()
            return

        async def up():
            async for channel, data in self._messages(ws, reader):
                assert channel == 0
                to_pod.write(data)
                await to_pod.drain()

        async def down():
            await self._pump(0, from_pod, ws, writer)
            writer.write(ws.send(CloseConnection(code=1000)))
            await writer.drain()

        try:
            await _until_first(up(), down())
        finally:
            abort(to_pod)

    async def _exec(self, query, protocol, ws, reader, writer):
        pipe = subprocess.PIPE
        try:
            child = await asyncio.create_subprocess_exec(
                *query["command"], stdin=pipe, stdout=pipe, stderr=pipe
            )
        except OSError as error:
            status = {"status": "Failure", "reason": "InternalError", "message": str(error)}
            self._end(ws, writer, status)
            return
        self.children.append(child.pid)

        async def up():
            async for channel, data in self._messages(ws, reader):
                if channel == 255 and data == b"\0" and protocol.startswith("v5"):
                    child.stdin.close()
                elif channel == 0:
                    child.stdin.write(data)
                    with suppress(OSError):
                        await child.stdin.drain()

        async def down():
            await asyncio.gather(
                self._pump(1, child.stdout, ws, writer), self._pump(2, child.stderr, ws, writer)
            )
            self._end(ws, writer, _status(await child.wait()))
            await writer.drain()

        try:
            await _until_first(up(), down())
        finally:
            child.stdin.close()
            await child.wait()

    @staticmethod
    def _end(ws, writer, status):
        writer.write(ws.send(BytesMessage(b"\3" + json.dumps(status).encode())))
        writer.write(ws.send(CloseConnection(code=1000)))


def _status(code):
    if code == 0:
        return {"status": "Success"}
    causes = [{"reason": "ExitCode", "message": str(code)}]
    message = f"command terminated with non-zero exit code: exit status {code}"
    return {
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": message,
        "details": {"causes": causes},
    }


async def _until_first(*works):
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
