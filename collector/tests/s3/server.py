# An S3-compatible server on a free port of the loopback, which it prints. One request at a time, so that a conditional
# put (If-None-Match) is as atomic as on S3 itself.
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app))
print(server.server_port, flush=True)
server.serve_forever()
