"""Client example: a clip through a workflow on a running ComfyUI.

`python demo/comfy_client.py clip.mp4 [SERVER]`.
"""

import sys
from pathlib import Path

from deepsound.comfy import submit

WORKFLOW = Path(__file__).parents[1] / "workflows" / "api" / "offline_draft.json"
SERVER = sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1:8188"
for clip in submit(WORKFLOW, sys.argv[1], {"prompt": "rain on a tin roof", "seed": 7}, [SERVER], "outputs"):
    print(clip.label, clip.status, *clip.files, clip.message)
