{{/* What `helm test` runs where a client is to connect. A library has no files of its own to read. */}}
{{- define "sidehook-common.connects" -}}
"""`helm test`: the sidecar takes a client. The argument is for how many seconds to try."""

import sys
import time

import sidehook

end = time.monotonic() + float(sys.argv[1])
while True:
    try:
        with sidehook.Client(required=True) as hooks:
            sys.exit(print(f"the sidecar at {hooks.target} takes calls"))
    except sidehook.SidecarError as error:
        if time.monotonic() > end:
            sys.exit(str(error))
        time.sleep(1)
{{ end -}}
