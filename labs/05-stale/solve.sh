#!/bin/sh
# What a student answers in lab 5, for lab-check: in the root of a hand-out.
set -eu
cat >labs/05-stale/answers.txt <<'END'
before: edu map a both >/at; edu dma write $(cat /at)
after: edu dma read $(cat /at); edu map b from >/bt; edu dma write $(cat /bt)
1. An answer.
2. An answer.
3. An answer.
4. An answer.
END
