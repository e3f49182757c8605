"""A small API for workshops, to try the example with: `python3 server.py [PORT]`. It keeps everything in memory and
ends with Ctrl-C. Standard library only."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

ROOMS = [
    {"id": "r1", "name": "Attic", "seats": 8},
    {"id": "r2", "name": "Library", "seats": 20},
    {"id": "r3", "name": "Hall", "seats": 120},
]
MOST_LUNCHES = 40
bookings, lunches, by_key = {}, {}, {}


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        if not self.known():
            return
        if url.path == "/rooms":
            seats = int(parse_qs(url.query)["seats"][0])
            return self.answer(200, {"rooms": [room for room in ROOMS if room["seats"] >= seats]})
        if url.path == "/bookings":
            return self.answer(200, list(bookings.values()))
        self.answer(404, {"message": "there is nothing here"})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key = self.headers.get("idempotency-key")
        if not self.known():
            return
        if key in by_key:
            return self.answer(201, by_key[key])
        if self.path == "/bookings":
            if any((one["room"], one["day"]) == (body["room"], body["day"]) for one in bookings.values()):
                return self.answer(409, {"message": "the room is taken on that day"})
            made = bookings[f"b{len(by_key) + 1}"] = {"id": f"b{len(by_key) + 1}", **body}
        else:
            if body["people"] > MOST_LUNCHES:
                return self.answer(422, {"message": f"the kitchen cooks for at most {MOST_LUNCHES}"})
            price = round(body["people"] * 14.5, 2)
            made = lunches[f"l{len(by_key) + 1}"] = {"id": f"l{len(by_key) + 1}", "price": price}
        by_key[key] = made
        self.answer(201, made)

    def do_DELETE(self):
        if not self.known():
            return
        _, kind, name = self.path.split("/")
        found = {"bookings": bookings, "lunches": lunches}[kind].pop(name, None)
        for key in [key for key, made in by_key.items() if made is found]:
            del by_key[key]
        self.answer(204 if found else 404, None)

    def known(self):
        if self.headers.get("authorization") == "Bearer example-token":
            return True
        self.answer(401, {"message": "who are you?"})
        return False

    def answer(self, status, value):
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        if body:
            self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8085), Api)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
