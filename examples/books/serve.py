"""The API of openapi.yaml over fifty books in memory: python3 serve.py"""

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

BOOKS = {i: {"id": i, "title": f"Volume {i}", "author": ["Ada", "Grace"][i % 2], "pages": 100 + i, "lent": False}
         for i in range(1, 51)}
PAGE = 20


class Api(BaseHTTPRequestHandler):
    def answer(self, status, body=None):
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or "{}")
        if self.headers.get("Authorization") != "Bearer secret":
            return self.answer(401, {"message": "who are you?"})
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        match = re.fullmatch(r"/v1/books(?:/(\d+)(/lend)?)?", url.path)
        if not match:
            return self.answer(404, {"message": "no such path"})
        key, lend = match.groups()
        if key is None and self.command == "GET":
            found = [b for b in BOOKS.values() if query.get("author") in (None, b["author"])]
            start = int(query.get("cursor", 0))
            more = str(start + PAGE) if start + PAGE < len(found) else None
            return self.answer(200, {"items": found[start:start + PAGE], "next_cursor": more})
        if key is None and self.command == "POST":
            book = {"id": max(BOOKS) + 1, "author": None, "pages": None, "lent": False, **body}
            BOOKS[book["id"]] = book
            return self.answer(201, book)
        book = BOOKS.get(int(key or 0))
        if book is None:
            return self.answer(404, {"message": "no such book"})
        if lend and self.command == "POST":
            book["lent"] = True
            return self.answer(200, book)
        if self.command == "DELETE":
            del BOOKS[book["id"]]
            return self.answer(204)
        return self.answer(200, book)

    def log_message(self, *_):
        """The terminal belongs to the client."""

    do_GET = do_POST = do_DELETE = handle_any


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", 8765), Api).serve_forever()
