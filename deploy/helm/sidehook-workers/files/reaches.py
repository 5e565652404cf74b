"""`helm test`: a sidecar of its own dials the workers, until they were there.

Arguments: the sidecar's configuration, and for how many seconds to try.
"""

import subprocess
import sys
import time
from pathlib import Path

config, seconds = sys.argv[1], float(sys.argv[2])
file = Path("/run/sidehook/sidehook.yaml")
file.write_text(config)
end = time.monotonic() + seconds
with subprocess.Popen(["sidehook", "serve", "--config", str(file)]) as sidecar:
    while subprocess.run(["sidehook", "health", "--probe", "ready"], check=False).returncode:
        if sidecar.poll() is not None or time.monotonic() > end:
            sidecar.terminate()
            sys.exit("the workers were not reached; the lines above say why")
        time.sleep(1)
    subprocess.run(["sidehook", "status"], check=False)
    sidecar.terminate()
