"""An upstream that answers with the headers it was sent, a line each."""

import http.server


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = "".join(f"{name}: {value}\n" for name, value in self.headers.items()).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    try:
        http.server.ThreadingHTTPServer(("127.0.0.1", 10001), Echo).serve_forever()
    except KeyboardInterrupt:
        pass
