# shellcheck shell=sh disable=all # for our shell, inside the machine
# What a DMA mapping costs under each strategy, for tools/bench.sh: on the host, and in a guest.
dmabench map 00:04.0 -s strict -n 4000
dmabench map 00:04.0 -s strict -p 16 -n 1000
dmabench map 00:04.0 -s deferred -n 4000
dmabench map 00:04.0 -s deferred -p 16 -n 1000
dmabench map 00:04.0 -s persistent -n 4000
dmabench map 00:04.0 -s persistent -p 16 -n 1000
dmabench map 00:04.0 -s optimistic -n 4000
dmabench map 00:04.0 -s optimistic -p 16 -n 1000
dmabench map 00:04.0 -s ondemand -n 4000
dmabench map 00:04.0 -s ondemand -p 16 -n 1000
dmabench map 00:04.0 -s bounce -n 4000
dmabench map 00:04.0 -s bounce -p 16 -n 1000
dmabench map 00:04.0 -s static -n 4000
dmabench map 00:04.0 -s static -p 16 -n 1000
dmabench map 00:04.0 -s batched -b 32 -n 200
