# shellcheck shell=sh disable=all # for our shell, inside the machine
# In VM b: load edu's buffer with a pattern, the honest way.
edu fill b 0xb0
edu dma read $(edu map b to)
edu unmap b
