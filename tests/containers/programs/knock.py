"""Speaks TLS with a certificate, whatever it is, and prints what the other side makes of it.

    knock.py HOST PORT [CERTIFICATE KEY]

The product's own client would not offer a certificate that has expired.
"""

import socket
import ssl
import sys

context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
context.set_alpn_protocols(["h2"])
if sys.argv[3:]:
    context.load_cert_chain(*sys.argv[3:5])
try:
    with (
        socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10) as plain,
        context.wrap_socket(plain) as connection,
    ):
        # TLS 1.3: a refusal of the client's certificate comes with the first octets to read.
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4)) + bytes(5))
        print("ACCEPTED" if connection.recv(9) else "REFUSED: it hung up")
except OSError as error:
    print(f"REFUSED: {error}")
