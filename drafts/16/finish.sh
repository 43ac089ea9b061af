#!/usr/bin/env bash
# Finish chapter 16 from its drafts (this folder is not for main). Run step by step from the root of
# the branch, each long command through the machine's queue if it has one.
set -euo pipefail
export PYTHONPATH=$PWD
python=.venv/bin/python
name=16-how-training-data-affects-embeddings

# 1. The two parts of the stored run that are missing (the domains are stored). If the paused runs
#    have ended, /tmp/w16/td_noise.npz and td_size.npz hold them: merge; otherwise run them.
if [ -f /tmp/w16/td_noise.npz ] && [ -f /tmp/w16/td_size.npz ]; then
  $python - <<'P'
import numpy as np
found = {}
for part in ("domain", "noise", "size"):
    found |= dict(np.load(f"/tmp/w16/td_{part}.npz"))
np.savez_compressed("book/evidence/runs/training_data.npz", **found)
P
else
  (cd book/evidence/runs && "$OLDPWD/$python" training_data.py --part noise --part size)
fi

# 2. Evidence first; then fill in the XXX of e.txt and c.txt from what it prints, sync, run again.
$python /tmp/nb/build.py drafts/16/e.txt book/evidence/$name.ipynb
$python /tmp/nb/runone.py book/evidence/$name.ipynb
$python /tmp/nb/build.py drafts/16/c.txt chapters/$name.ipynb
$python /tmp/nb/runone.py chapters/$name.ipynb

# 3. Spark's page, on a quiet machine: what it prints settles the XXX of p.txt.
$python /tmp/nb/build.py drafts/16/p.txt chapters/16-4-past-one-machine.ipynb
$python /tmp/nb/runone.py chapters/16-4-past-one-machine.ipynb

# 4. Contents, rules, strict validation.
$python -m book.tools.contents
$python -m pytest -q tests/test_chapters.py -k "16-"
$python -m pytest -q tests/test_runs.py tests/test_spark.py tests/test_page_numbers.py tests/test_site.py
REQUIRE_SPARK=1 $python -m pytest -q --nbval chapters/16-*.ipynb book/evidence/16-*.ipynb
