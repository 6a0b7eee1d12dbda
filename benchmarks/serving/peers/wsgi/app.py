"""A bare WSGI callable, on the app's own server."""


def create_app():
    def answer(environ, start_response):
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "2")])
        return [b"{}"]

    return answer
