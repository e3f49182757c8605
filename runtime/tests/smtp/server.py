"""A mail server for the tests: `server.py plain|starttls|smtps CERT KEY`. It prints its port, then each message as one
line of JSON. Whoever logs in is `ann` with the password `right`. Some recipients and subjects make it misbehave."""

import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 no such user\u001b[31m"
        if address.startswith("later@"):
            return "451 4.7.1 try again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        text = envelope.content.decode()
        if "Subject: drop" in text:
            server.transport.abort()
            return "250 lost"
        if "Subject: full" in text:
            return "452 4.3.1 no room"
        if "Subject: spam" in text:
            return "554 5.7.1 no thanks"
        tls = session.ssl is not None or mode == "smtps"
        login = session.auth_data.login.decode() if session.auth_data else None
        message = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "text": text, "tls": tls, "login": login}
        print(json.dumps(message), flush=True)
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    right = isinstance(data, LoginPassword) and data == LoginPassword(b"ann", b"right")
    return AuthResult(success=right, handled=False, auth_data=data)


async def serve():
    context = None
    if mode != "plain":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(cert, key)
    starttls = context if mode == "starttls" else None
    need = mode != "plain"

    def session():
        return SMTP(Handler(), tls_context=starttls, authenticator=authenticate, auth_required=need,
                    auth_require_tls=starttls is not None)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(session, "127.0.0.1", 0, ssl=context if mode == "smtps" else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Ends with whoever started it.
    await loop.run_in_executor(None, sys.stdin.read)


mode, cert, key = sys.argv[1:]
asyncio.run(serve())
