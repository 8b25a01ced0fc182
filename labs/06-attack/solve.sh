#!/bin/sh
# What a student answers in lab 6, for lab-check: in the root of a hand-out.
set -eu
cat >labs/06-attack/answers.txt <<'END'
steal: edu dma read AT; edu map b from >/bt; edu dma write $(cat /bt)
1. An answer.
2. An answer.
3. An answer.
4. An answer.
END
