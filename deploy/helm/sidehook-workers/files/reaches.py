"""`helm test`: a sidecar of its own dials the workers, until they were there.

Arguments: the sidecar's configuration, its admin port, and for how many seconds to try.
"""

import subprocess
import sys
import time
from pathlib import Path

config, admin, seconds = sys.argv[1:]
file = Path("/run/sidehook/sidehook.yaml")
file.write_text(config)
end = time.monotonic() + float(seconds)
ask = ["sidehook", "health", "--admin", admin, "--ready"]
with subprocess.Popen(["sidehook", "serve", "--config", str(file), "--admin", admin]) as sidecar:
    while subprocess.run(ask, check=False).returncode:
        if sidecar.poll() is not None or time.monotonic() > end:
            sidecar.terminate()
            sys.exit("the workers were not reached; the lines above say why")
        time.sleep(1)
    subprocess.run(["sidehook", "status", "--admin", admin], check=False)
    sidecar.terminate()
